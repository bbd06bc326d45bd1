package probe

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"gorecord/perfevent/tracefs"
	"gorecord/testdata/oracle"
)

// TestAgainstPerf: perf probe -D writes the same line for the same words.
func TestAgainstPerf(t *testing.T) {
	oracle.Perf(t)
	if os.Geteuid() != 0 {
		t.Skip("perf probe needs root")
	}
	for _, path := range []string{seedMain, seedNopie, zoo + "twice", "/lib/x86_64-linux-gnu/libc.so.6"} {
		if _, err := os.Stat(path); err != nil {
			t.Log(err) // another system's libc
			continue
		}
		b := open(t, path)
		texts := []string{"callee", "callee%return", "callee+4", "x=callee", "g:x=callee", "callee%return $retval", "callee a=%di:s32 +8(%sp)", "callee%return r=$retval:s32"}
		switch path {
		case seedMain, seedNopie:
			off, _ := b.Module().FileOffset(symbol(t, b, "callee").Addr)
			texts = append(texts, spf("%#x", uint64(off)), spf("g:x=%#x", uint64(off)), "main")
		case zoo + "twice":
			texts = []string{"other", "other+4", "other%return", "start"}
		default:
			texts = []string{"malloc", "malloc%return", "memcpy", "x=free"}
		}
		for _, text := range texts {
			p, err := resolve(t, b, text)
			if err != nil {
				t.Error(err)
				continue
			}
			got, err := p.Probes[0].Definition()
			if err != nil {
				t.Error(err)
				continue
			}
			if want := perfDefinition(t, path, text); got != want {
				t.Errorf("%s of %s:\n  %s\nperf:\n  %s", text, path, got, want)
			}
		}
	}
}

// perfDefinition asks perf, in a mount namespace of its own since perf may
// mount tracefs and leave it so.
func perfDefinition(t *testing.T, path, text string) string {
	t.Helper()
	out, errors, err := oracle.Run(t, func() *exec.Cmd {
		cmd := exec.Command("sh", "-c", `mount -t tracefs nodev /sys/kernel/tracing 2>/dev/null; exec perf probe -x "$0" -D "$1"`, path, text)
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
		return cmd
	})
	if err != nil {
		t.Errorf("perf probe -x %s -D '%s': %v\n%s", path, text, err, errors)
	}
	line := strings.TrimSpace(string(out))
	if _, err := tracefs.ParseProbe(line); err != nil {
		t.Errorf("perf wrote %q: %v", line, err)
	}
	return line
}
