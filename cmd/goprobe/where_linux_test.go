package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gorecord/perfevent"
	"gorecord/perfevent/tracefs"
	"gorecord/record"
)

// lateFiles puts copies of the test programs late and liblate.so into the
// folder, so that nobody else probes them.
func lateFiles(t *testing.T) (dir, program, library string) {
	t.Helper()
	dir = workdir(t)
	program, library = filepath.Join(dir, "gptlate"), filepath.Join(dir, "libgptlate.so")
	for path, from := range map[string]string{program: "late", library: "liblate.so"} {
		b, err := os.ReadFile("../../testdata/programs/" + from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir, program, library
}

// lateProcess is a running late.
type lateProcess struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
}

func startLate(t *testing.T, program string) *lateProcess {
	t.Helper()
	p := &lateProcess{t: t, cmd: exec.Command(program)}
	p.cmd.Env = []string{}
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdout = bufio.NewReader(stdout)
	if err := p.cmd.Start(); err != nil {
		t.Skipf("the test program does not run here: %v", err)
	}
	t.Cleanup(p.end)
	return p
}

func (p *lateProcess) end() {
	p.stdin.Close()
	if err := p.cmd.Wait(); err != nil && !strings.Contains(err.Error(), "already called") {
		p.t.Errorf("the program that was probed ended by %v", err)
	}
}

func (p *lateProcess) pid() string { return fmt.Sprint(p.cmd.Process.Pid) }

// say gives a line to the program and checks its answer.
func (p *lateProcess) say(line, want string) {
	p.t.Helper()
	if _, err := io.WriteString(p.stdin, line+"\n"); err != nil {
		p.t.Fatal(err)
	}
	if got, err := p.stdout.ReadString('\n'); err != nil || got != want+"\n" {
		p.t.Fatalf("the program answers %q by %q (%v), want %q", line, got, err, want)
	}
}

// armed is a probe that is on, in all processes.
type armed struct {
	t      *testing.T
	events []*perfevent.Event
}

func arm(t *testing.T, group, name string) *armed {
	t.Helper()
	d, err := tracefs.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	id, err := d.ID(group, name)
	if err != nil {
		t.Fatal(err)
	}
	cpus, err := record.OnlineCPUs(os.DirFS("/sys"))
	if err != nil {
		t.Fatal(err)
	}
	a := &armed{t: t}
	attr := perfevent.Attr{Type: perfevent.TypeTracepoint, Config: id}
	for _, cpu := range cpus {
		e, err := perfevent.Open(&attr, perfevent.AnyThread, cpu)
		if err != nil {
			a.disarm()
			t.Fatalf("open %s:%s on cpu %d: %v", group, name, cpu, err)
		}
		a.events = append(a.events, e)
	}
	return a
}

func (a *armed) disarm() {
	for _, e := range a.events {
		e.Close()
	}
	a.events = nil
}

func (a *armed) checkHits(want uint64) {
	a.t.Helper()
	var hits uint64
	for _, e := range a.events {
		v, err := e.Read()
		if err != nil {
			a.t.Fatal(err)
		}
		hits += v.Values[0].Value
	}
	if hits != want {
		a.t.Errorf("%d hits, want %d", hits, want)
	}
}

// checkWhere: goprobe --where says what it must.
func checkWhere(t *testing.T, what []string, want ...string) {
	t.Helper()
	out, _ := goprobe(t, what...)
	for _, w := range want {
		if !strings.Contains(out, w) {
			t.Errorf("goprobe %q says\n%s\nit lacks %q", what, out, w)
		}
	}
}

// TestArmedBytes: the byte in memory is 55, then cc while the probe is on, then
// 55 again; in the program itself, which is a PIE, and in one that is not.
func TestArmedBytes(t *testing.T) {
	_, program, _ := lateFiles(t)
	p := startLate(t, program)
	p.say("own", "2")
	what := []string{"-x", program, "--where", "lateown", "-p", p.pid()}
	checkWhere(t, what, "lateown in "+program+"\n", "in process "+p.pid()+" (gptlate)\n", "55 48 89 e5 ", "  not armed: as in the file\n")
	goprobe(t, "-q", "-x", program, "lateown")
	defer goprobe(t, "-q", "-d", "probe_gptlate:*")
	checkWhere(t, what, "  not armed: as in the file\n") // defined, not yet on
	on := arm(t, "probe_gptlate", "lateown")
	checkWhere(t, what, "            cc 48 89 e5 ", "  armed: int3 (cc) stands where the file has 55\n")
	checkWhere(t, []string{"-x", program, "--where", "lateown+1", "-p", p.pid()}, "            48 89 e5 ", "  not armed: as in the file\n")
	p.say("own", "2")
	on.checkHits(1)
	on.disarm()
	checkWhere(t, what, "            55 48 89 e5 ", "  not armed: as in the file\n")
	p.say("own", "2")
}

// present reports whether a page of the process has been touched, by
// /proc/PID/pagemap.
func (p *lateProcess) present(addr uint64) bool {
	p.t.Helper()
	f, err := os.Open("/proc/" + p.pid() + "/pagemap")
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	var entry [8]byte
	if _, err := f.ReadAt(entry[:], int64(addr/uint64(os.Getpagesize())*8)); err != nil {
		p.t.Fatal(err)
	}
	return binary.LittleEndian.Uint64(entry[:])>>63 == 1
}

// codeOf is where the process has the code of the library.
func (p *lateProcess) codeOf(library string) uint64 {
	p.t.Helper()
	maps, err := os.Open("/proc/" + p.pid() + "/maps")
	if err != nil {
		p.t.Fatal(err)
	}
	defer maps.Close()
	list, err := readMaps(maps)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, m := range list {
		if m.path == library && m.perms == "r-xp" {
			return m.start
		}
	}
	p.t.Fatalf("the library %s is not mapped", library)
	return 0
}

// TestLatePage: a probe that is put where no instruction was ever fetched fires.
func TestLatePage(t *testing.T) {
	_, program, library := lateFiles(t)
	p := startLate(t, program)
	p.say("load "+library, "loaded")
	code := p.codeOf(library)
	if p.present(code) {
		t.Fatal("loading the library has touched its code: the test shows nothing")
	}
	goprobe(t, "-q", "-x", library, "latefunc")
	defer goprobe(t, "-q", "-d", "probe_libgptlate:*")
	on := arm(t, "probe_libgptlate", "latefunc")
	defer on.disarm()
	if !p.present(code) {
		t.Error("the kernel has not brought the page in")
	}
	checkWhere(t, []string{"-x", library, "--where", "latefunc", "-p", p.pid()}, fmt.Sprintf("%#x = ", code), "  armed: int3 (cc) stands where the file has 55\n")
	p.say("call", "2")
	on.checkHits(1)
}

// TestLateLibrary: a probe that is on before a library is loaded fires in it.
func TestLateLibrary(t *testing.T) {
	_, program, library := lateFiles(t)
	p := startLate(t, program)
	goprobe(t, "-q", "-x", library, "latefunc")
	defer goprobe(t, "-q", "-d", "probe_libgptlate:*")
	on := arm(t, "probe_libgptlate", "latefunc")
	defer on.disarm()
	what := []string{"-x", library, "--where", "latefunc", "-p", p.pid()}
	status, out, errs := call(noDir, what...)
	if want := "goprobe: process " + p.pid() + " (gptlate) does not map " + library + "\n"; status != 254 || errs != want || !strings.Contains(out, "a library (ET_DYN)\n") {
		t.Errorf("before the library is loaded: %d, %q, %q; want %q", status, out, errs, want)
	}
	p.say("load "+library, "loaded")
	checkWhere(t, what, "  armed: int3 (cc) stands where the file has 55\n")
	p.say("call", "2")
	on.checkHits(1)
}

// TestLateProcess: a probe that is on fires in processes that start later, by
// exec and by fork.
func TestLateProcess(t *testing.T) {
	_, program, library := lateFiles(t)
	goprobe(t, "-q", "-x", program, "lateown")
	goprobe(t, "-q", "-x", library, "latefunc")
	defer goprobe(t, "-q", "-d", "probe_gptlate:*", "-d", "probe_libgptlate:*")
	own, late := arm(t, "probe_gptlate", "lateown"), arm(t, "probe_libgptlate", "latefunc")
	defer own.disarm()
	defer late.disarm()
	for range 2 {
		p := startLate(t, program)
		p.say("own", "2")
		p.say("load "+library, "loaded")
		p.say("fork", "4")
		checkWhere(t, []string{"-x", program, "--where", "lateown", "-p", p.pid()}, "  armed: int3 (cc) stands where the file has 55\n")
	}
	own.checkHits(4)
	late.checkHits(2)
}

// TestWhereAddresses: the addresses that two processes have are those that
// their maps say: different ones for a PIE.
func TestWhereAddresses(t *testing.T) {
	_, program, _ := lateFiles(t)
	a, b := startLate(t, program), startLate(t, program)
	a.say("own", "2")
	b.say("own", "2")
	out, _ := goprobe(t, "-x", program, "--where", "lateown", "-p", a.pid()+","+b.pid())
	for _, p := range []*lateProcess{a, b} {
		maps, err := os.ReadFile("/proc/" + p.pid() + "/maps")
		if err != nil {
			t.Fatal(err)
		}
		var base, addr, bias uint64
		if _, err := fmt.Sscanf(string(maps), "%x-", &base); err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(out, "in process "+p.pid()+" (gptlate)\n")
		var elfAddr uint64
		if _, err := fmt.Sscanf(strings.TrimSpace(rest), "0x%x = 0x%x + 0x%x, mapped r-xp", &addr, &elfAddr, &bias); err != nil || bias != base || addr != base+elfAddr {
			t.Errorf("process %s begins at %#x: %v\n%s", p.pid(), base, err, out)
		}
	}
}

// TestWhereGone: processes without the file, without memory, or which have
// ended, give one line each.
func TestWhereGone(t *testing.T) {
	_, program, _ := lateFiles(t)
	zombie := startLate(t, program)
	zombie.stdin.Close()
	if _, err := zombie.stdout.ReadByte(); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	waitZombie(t, zombie.pid())
	status, _, errs := call(noDir, "-x", program, "--where", "lateown", "-p", zombie.pid())
	if status != 254 || !strings.Contains(errs, "process "+zombie.pid()+" has no memory: it has ended") || strings.Count(errs, "\n") != 1 {
		t.Errorf("zombie: %d, %q", status, errs)
	}
	zombie.end()
	status, _, errs = call(noDir, "-x", program, "--where", "lateown", "-p", zombie.pid())
	if status != 254 || !strings.Contains(errs, "process "+zombie.pid()+": there is none of this number") {
		t.Errorf("ended: %d, %q", status, errs)
	}

	old := startLate(t, program)
	old.say("own", "2")
	b, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(program); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, b, 0o755); err != nil {
		t.Fatal(err)
	}
	status, _, errs = call(noDir, "-x", program, "--where", "lateown", "-p", old.pid())
	if status != 254 || !strings.Contains(errs, "maps another file that was called "+program) {
		t.Errorf("replaced: %d, %q", status, errs)
	}
}

// waitZombie waits until a process has ended.
func waitZombie(t *testing.T, pid string) {
	t.Helper()
	for {
		b, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil {
			t.Fatal(err)
		}
		if _, rest, _ := strings.Cut(string(b), ") "); strings.HasPrefix(rest, "Z") {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
