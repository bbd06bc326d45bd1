package perfevent_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"gorecord/perfevent"
)

// runC compiles a program that includes linux/perf_event.h and returns what it
// prints. The test is skipped where there is no compiler or no such header.
func runC(t *testing.T, statements string) string {
	t.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip(err)
	}
	const include = "#include <linux/perf_event.h>\n"
	probe := exec.Command(cc, "-E", "-x", "c", "-o", os.DevNull, "-")
	probe.Stdin = strings.NewReader(include)
	if out, err := probe.CombinedOutput(); err != nil {
		t.Skipf("no linux/perf_event.h: %v\n%s", err, out)
	}
	program := filepath.Join(t.TempDir(), "attr")
	compile := exec.Command(cc, "-x", "c", "-o", program, "-")
	compile.Stdin = strings.NewReader(include + `#include <stdio.h>
#include <string.h>
static struct perf_event_attr a;
static void print(const char *name, unsigned size) {
	const unsigned char *p = (void *)&a;
	printf("%s ", name);
	for (unsigned i = 0; i < size; i++) printf("%02x", p[i]);
	printf("\n");
	memset(&a, 0, sizeof a);
}
int main(void) {
` + statements + "return 0; }\n")
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("compile: %v\n%s", err, out)
	}
	out, err := exec.Command(program).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestAttrMatchesC compares the bytes of each version with those of a C
// compiler that is given the same values under the kernel's names. The names
// are those of Linux 5.13 (128 bytes), which any header of today has.
func TestAttrMatchesC(t *testing.T) {
	var c, want strings.Builder
	assign := func(field string, v uint64) { fmt.Fprintf(&c, "a.%s = (typeof(a.%[1]s))%#xULL;\n", field, v) }
	for _, size := range abiSizes {
		if size > 128 {
			break
		}
		a := attrOfSize(size)
		a.Flags, a.AuxAction = 0, 0 // bit-fields have a test of their own
		if size == 120 {
			a.AuxSampleSize = 1 // AuxAction does not count
		}
		assign("type", uint64(a.Type))
		assign("size", uint64(size))
		assign("config", a.Config)
		assign("sample_period", a.SamplePeriod)
		assign("sample_type", uint64(a.SampleType))
		assign("read_format", uint64(a.ReadFormat))
		assign("wakeup_events", uint64(a.Wakeup))
		assign("bp_type", uint64(a.BPType))
		assign("config1", a.Config1)
		assign("config2", a.Config2)
		assign("branch_sample_type", a.BranchSampleType)
		assign("sample_regs_user", a.SampleRegsUser)
		assign("sample_stack_user", uint64(a.SampleStackUser))
		assign("clockid", uint64(uint32(a.ClockID)))
		assign("sample_regs_intr", a.SampleRegsIntr)
		assign("aux_watermark", uint64(a.AuxWatermark))
		assign("sample_max_stack", uint64(a.SampleMaxStack))
		assign("aux_sample_size", uint64(a.AuxSampleSize))
		assign("sig_data", a.SigData)
		fmt.Fprintf(&c, "print(\"%d\", %[1]d);\n", size)
		fmt.Fprintf(&want, "%d %s\n", size, hex.EncodeToString(a.Append(nil)))
	}
	if got := runC(t, c.String()); got != want.String() {
		t.Errorf("C makes\n%swe make\n%s", got, want.String())
	}
}

// TestFlagsMatchC compares the place of every flag up to Linux 5.13 with that of
// the bit-field of its name.
func TestFlagsMatchC(t *testing.T) {
	var c, want strings.Builder
	expect := func(field string, v int, a perfevent.Attr) {
		fmt.Fprintf(&c, "a.%s = %d; a.size = 64; print(\"%[1]s=%[2]d\", 64);\n", field, v)
		fmt.Fprintf(&want, "%s=%d %s\n", field, v, hex.EncodeToString(a.Append(nil)))
	}
	for f := perfevent.FlagDisabled; f <= perfevent.FlagSigtrap; f <<= 1 {
		if f != perfevent.FlagPreciseIPLow && f != perfevent.FlagPreciseIPHigh {
			expect(f.String(), 1, perfevent.Attr{Flags: f})
		}
	}
	for n := 1; n <= 3; n++ {
		var a perfevent.Attr
		a.SetPreciseIP(n)
		expect("precise_ip", n, a)
	}
	if got := runC(t, c.String()); got != want.String() {
		t.Errorf("C makes\n%swe make\n%s", got, want.String())
	}
}

// kernelAttrSize asks the kernel for the size of its struct perf_event_attr: it
// answers an attribute with something behind that with E2BIG and its own size.
func kernelAttrSize(t *testing.T) int {
	t.Helper()
	b := make([]byte, 4096)
	little.PutUint32(b, uint32(perfevent.TypeSoftware))
	little.PutUint32(b[4:], uint32(len(b)))
	b[len(b)-1] = 1
	fd, _, errno := unix.Syscall6(unix.SYS_PERF_EVENT_OPEN, uintptr(unsafe.Pointer(&b[0])), 0, ^uintptr(0), ^uintptr(0), 0, 0)
	if errno == 0 {
		unix.Close(int(fd))
		t.Fatal("the kernel accepts an attribute of 4096 bytes")
	}
	if errno != unix.E2BIG {
		t.Skipf("perf_event_open: %v", errno)
	}
	return int(little.Uint32(b[4:]))
}

// TestAttrSizesLive hands the kernel an attribute of each size: it must know
// those up to its own.
func TestAttrSizesLive(t *testing.T) {
	own := kernelAttrSize(t)
	t.Logf("struct perf_event_attr of this kernel has %d bytes", own)
	for _, test := range []struct {
		size int
		attr perfevent.Attr
	}{
		{64, perfevent.Attr{}},
		{72, perfevent.Attr{Config2: 1}},
		{80, perfevent.Attr{BranchSampleType: 1}},
		{96, perfevent.Attr{SampleStackUser: 8}},
		{104, perfevent.Attr{SampleRegsIntr: 1}},
		{112, perfevent.Attr{AuxWatermark: 1}},
		{120, perfevent.Attr{AuxSampleSize: 8}},
		{128, perfevent.Attr{SigData: 1}},
		{136, perfevent.Attr{Config3: 1}},
		{144, perfevent.Attr{Config4: 1}},
	} {
		a := test.attr
		a.Type, a.Config, a.Flags = perfevent.TypeSoftware, perfevent.SWDummy, perfevent.FlagDisabled|perfevent.FlagExcludeKernel
		if a.Size() != test.size {
			t.Fatalf("attribute has %d bytes, want %d", a.Size(), test.size)
		}
		e, err := perfevent.Open(&a, 0, perfevent.AnyCPU)
		if err == nil {
			e.Close()
		}
		if tooBig := errors.Is(err, unix.E2BIG); tooBig != (test.size > own) {
			t.Errorf("size %d: %v, and the kernel's own size is %d", test.size, err, own)
		}
		// Values that need hardware or another event are refused, in their place.
		if err != nil && !errors.Is(err, unix.E2BIG) && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EOPNOTSUPP) {
			t.Errorf("size %d: %v", test.size, err)
		}
	}
}

// describe gives an attribute as "perf record -vv" prints it: the fields that
// are not zero.
func describe(a *perfevent.Attr, size int) map[string]string {
	out := map[string]string{"type": fmt.Sprint(uint32(a.Type)), "size": fmt.Sprint(size)}
	put := func(name, format string, v uint64) {
		if v != 0 {
			out[name] = fmt.Sprintf(format, v)
		}
	}
	put("config", "%#x", a.Config)
	put("{ sample_period, sample_freq }", "%d", a.SamplePeriod)
	put("{ wakeup_events, wakeup_watermark }", "%d", uint64(a.Wakeup))
	put("bp_type", "%d", uint64(a.BPType))
	put("{ bp_addr, config1 }", "%#x", a.Config1)
	put("{ bp_len, config2 }", "%#x", a.Config2)
	put("sample_regs_user", "%#x", a.SampleRegsUser)
	put("sample_stack_user", "%d", uint64(a.SampleStackUser))
	put("clockid", "%d", uint64(a.ClockID))
	put("sample_max_stack", "%d", uint64(a.SampleMaxStack))
	put("precise_ip", "%d", uint64(a.PreciseIP()))
	if a.SampleType != 0 {
		out["sample_type"] = bitsInOrder(a.SampleType.String())
	}
	if a.ReadFormat != 0 {
		out["read_format"] = bitsInOrder(a.ReadFormat.String())
	}
	flags := a.Flags &^ (perfevent.FlagPreciseIPLow | perfevent.FlagPreciseIPHigh)
	for name := range strings.SplitSeq(flags.String(), "|") {
		if name != "0" {
			out[name] = "1"
		}
	}
	return out
}

// bitsInOrder sorts names joined by "|": perf prints them in an order of its own.
func bitsInOrder(s string) string {
	names := strings.Split(s, "|")
	slices.Sort(names)
	return strings.Join(names, "|")
}

// printedAttrs takes the attributes out of what "perf record -vv" prints.
func printedAttrs(out string) []map[string]string {
	var attrs []map[string]string
	inside := false
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "perf_event_attr:":
			attrs, inside = append(attrs, map[string]string{}), true
		case !strings.HasPrefix(line, "  "):
			inside = false
		case inside:
			at := strings.LastIndexByte(line, ' ')
			name, value := strings.TrimSpace(line[:at]), line[at+1:]
			if name == "sample_type" || name == "read_format" {
				value = bitsInOrder(value)
			}
			attrs[len(attrs)-1][name] = value
		}
	}
	return attrs
}

// attrsOfFile gives the attributes of a perf.data file: its header names their
// stride and their place.
func attrsOfFile(t *testing.T, path string) [][]byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(b, []byte("PERFILE2")) {
		t.Fatalf("%s starts with %q", path, b[:8])
	}
	const sectionOfIDs = 16
	stride, at, size := little.Uint64(b[16:]), little.Uint64(b[24:]), little.Uint64(b[32:])
	var attrs [][]byte
	for ; size >= stride; at, size = at+stride, size-stride {
		attrs = append(attrs, b[at:at+stride-sectionOfIDs])
	}
	return attrs
}

// TestAttrMatchesPerf decodes the attributes in recordings by perf and compares
// them with what perf says that it opened; encoding them gives perf's bytes, up
// to the size that they need.
func TestAttrMatchesPerf(t *testing.T) {
	perf, err := exec.LookPath("perf")
	if err != nil {
		t.Skip(err)
	}
	probeOpen(t)
	for _, args := range []string{
		"-e cpu-clock:u -F 499 --call-graph dwarf,1024 -d --switch-events",
		"-e context-switches -e page-faults -c 1 -g -s --no-bpf-event",
		"-e dummy:H -c 1 --all-kernel --clockid monotonic --namespaces --all-cgroups",
		"-e mem:0x1000/4:w -c 1 -i -n --no-bpf-event",
		"-e {task-clock,cpu-clock}:S -W --phys-data",
	} {
		t.Run(args, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "perf.data")
			argv := append([]string{"record", "-vv", "-B", "-N", "-o", file}, strings.Fields(args)...)
			cmd := exec.Command(perf, append(argv, "--", "true")...)
			out, err := cmd.CombinedOutput()
			printed := printedAttrs(string(out))
			if err != nil && (len(printed) == 0 || strings.Contains(string(out), "not supported")) {
				t.Skipf("%v: %v\n%s", cmd, err, out)
			}
			if err != nil {
				t.Fatalf("%v: %v\n%s", cmd, err, out)
			}
			attrs := attrsOfFile(t, file)
			if len(attrs) == 0 {
				t.Fatal("the recording has no attributes")
			}
			for i, b := range attrs {
				a, size, err := perfevent.DecodeAttr(b, little)
				if err != nil {
					t.Fatal(err)
				}
				own := describe(&a, size)
				if !slices.ContainsFunc(printed, func(p map[string]string) bool { return maps.Equal(p, own) }) {
					t.Errorf("attribute %d is\n%v\nand perf says\n%v", i, own, printed)
				}
				made := a.Append(nil)
				rest := b[len(made):size]
				little.PutUint32(made[4:], uint32(size))
				if !bytes.Equal(made, b[:len(made)]) || len(bytes.Trim(rest, "\x00")) != 0 {
					t.Errorf("attribute %d: encoded as\n%x\nand perf's is\n%x", i, made, b)
				}
			}
		})
	}
}
