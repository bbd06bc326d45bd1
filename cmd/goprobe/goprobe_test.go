package main

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"gorecord/perfevent/tracefs"
)

const (
	seedMain  = "../../testdata/seed/main"
	seedNopie = "../../testdata/seed/main-nopie"
)

// fakeDir is a tracing folder of uprobe_events and kprobe_events in memory,
// which keeps what is written and refuses what errs has an error for.
type fakeDir struct {
	files fstest.MapFS
	errs  map[string]error
	wrote []string
}

func newFake(uprobes, kprobes string) *fakeDir {
	return &fakeDir{files: fstest.MapFS{
		"uprobe_events": {Data: []byte(uprobes)}, "kprobe_events": {Data: []byte(kprobes)},
	}}
}

func (f *fakeDir) open() (*tracefs.Dir, error) {
	return tracefs.NewDir(f.files, func(name string) (io.WriteCloser, error) {
		if f.files[name] == nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ENOENT}
		}
		return fakeFile{f}, nil
	}), nil
}

type fakeFile struct{ dir *fakeDir }

func (f fakeFile) Close() error { return nil }
func (f fakeFile) Write(b []byte) (int, error) {
	line := strings.TrimSuffix(string(b), "\n")
	if err := f.dir.errs[line]; err != nil {
		return 0, err
	}
	f.dir.wrote = append(f.dir.wrote, line)
	if event, ok := strings.CutPrefix(line, "-:"); ok {
		f.dir.drop(event)
	}
	return len(b), nil
}

// drop takes an event's points off the lists.
func (f *fakeDir) drop(event string) {
	for _, file := range f.files {
		var left []string
		for line := range strings.Lines(string(file.Data)) {
			if head, _, _ := strings.Cut(line, " "); !strings.HasSuffix(head, ":"+event) {
				left = append(left, line)
			}
		}
		file.Data = []byte(strings.Join(left, ""))
	}
}

// call runs the command on a tracing folder.
func call(open func() (*tracefs.Dir, error), args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	a := app{open: open, proc: os.DirFS("/proc"), stdout: &out, stderr: &errs}
	status = a.run(context.Background(), args)
	return status, out.String(), errs.String()
}

func noDir() (*tracefs.Dir, error) { panic("the tracing folder is not needed here") }

// TestStatus: each mistake gives one line and the status that --help names.
func TestStatus(t *testing.T) {
	fake := newFake("p:probe_main/callee /bin/x:0x0000000000001139\n", "p:kprobes/busy f\n")
	fake.errs = map[string]error{
		"-:kprobes/busy":        syscall.EINVAL,
		"p:probe/nosuch nosuch": syscall.ENOENT,
	}
	noKprobes := newFake("", "")
	delete(noKprobes.files, "kprobe_events")
	denied := func() (*tracefs.Dir, error) {
		return nil, &fs.PathError{Op: "open", Path: "/sys/kernel/tracing", Err: syscall.EACCES}
	}
	for _, tt := range []struct {
		name   string
		open   func() (*tracefs.Dir, error)
		args   []string
		status int
		want   string
	}{
		{"nothing", noDir, nil, 129, "nothing to do: name a function"},
		{"unknown flag", noDir, []string{"--nosuch"}, 129, "unknown flag: --nosuch"},
		{"pid without place", noDir, []string{"-p", "1", "-x", seedMain, "callee"}, 129, "--pid goes with --where"},
		{"place without file", noDir, []string{"--where", "callee"}, 129, "give it with -x PATH"},
		{"bad pid", noDir, []string{"-p", "x", "-x", seedMain, "--where", "callee"}, 129, "invalid argument"},
		{"no such place", noDir, []string{"-x", seedMain, "--where", "calle"}, 254, "did you mean callee?"},
		{"variables without file", noDir, []string{"-V", "callee"}, 129, "--vars needs debug information: give the file with -x PATH"},
		{"bad filter of variables", noDir, []string{"-x", seedMain, "-V", "callee", "--filter", "(a"}, 129, "a ) is missing"},
		{"variables of no function", noDir, []string{"-x", seedMain, "-V", "calle"}, 254, "did you mean callee?"},
		{"variables of a place that is none", noDir, []string{"-x", seedMain, "-V", "%return"}, 234, "names no function"},
		{"variables of a line without code", noDir, []string{"-x", seedMain, "-V", "callee:100"}, 254, "no code of "},
		{"variables of data", noDir, []string{"-x", seedMain, "-V", "@0x10"}, 234, "has data there, not code"},
		{"two tasks", noDir, []string{"-l", "-d", "x"}, 129, "--del cannot be used with --list"},
		{"value missing", noDir, []string{"-d"}, 129, "flag needs an argument"},
		{"words behind -d", noDir, []string{"-d", "a", "b"}, 129, `--del has nothing to do with "b"`},
		{"option behind DEF", noDir, []string{"callee", "-x", seedMain}, 129, "options come first"},
		{"filter without an end", noDir, []string{"-x", seedMain, "-F", "(c*"}, 129, `filter "(c*", column 4: a ) is missing`},
		{"functions of no file", noDir, []string{"-x", "/no/such", "-F"}, 254, "/no/such: no such file"},
		{"functions of no ELF file", noDir, []string{"-x", "goprobe_test.go", "-F"}, 234, "goprobe_test.go: not an ELF file"},
		{"bad pattern", fake.open, []string{"-l", "[a"}, 129, `pattern "[a"`},
		{"bad pattern to delete", fake.open, []string{"-d", "[a"}, 129, `pattern "[a"`},
		{"no such file", noDir, []string{"-x", "/no/such", "callee"}, 254, "probe /no/such: no such file"},
		{"no ELF file", noDir, []string{"-x", "goprobe_test.go", "callee"}, 234, "goprobe_test.go"},
		{"no such function", noDir, []string{"-x", seedMain, "calle"}, 254, "did you mean callee?"},
		{"bad definition", noDir, []string{"-x", seedMain, "callee%foo"}, 234, "%foo is not known"},
		{"bad name", noDir, []string{"-x", seedMain, "a-b=callee"}, 234, `"a-b" cannot be a name`},
		{"exists", fake.open, []string{"-x", seedMain, "callee"}, 239, `event "probe_main:callee": file already exists; delete it by goprobe -d probe_main:callee`},
		{"twice in one call", newFake("", "").open, []string{"-x", seedMain, "callee", "callee"}, 239, "probe_main:callee"},
		{"nothing to delete", fake.open, []string{"-d", "g:nosuch"}, 254, `"g:nosuch" does not hit any event`},
		{"refused by the kernel", fake.open, []string{"-d", "kprobes:busy"}, 234, "delete kprobes:busy: invalid argument"},
		{"no such kernel function", fake.open, []string{"nosuch"}, 254, "the kernel has no function nosuch that can be probed"},
		{"no kprobes", noKprobes.open, []string{"do_fork"}, 161, "probe do_fork: kprobes: not supported by this kernel: it is built without CONFIG_KPROBE_EVENTS"},
		{"not permitted", denied, []string{"-l"}, 243, "permission denied"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, stdout, stderr := call(tt.open, tt.args...)
			if status != tt.status || !strings.Contains(stderr, tt.want) || stdout != "" {
				t.Errorf("%q: status %d, stdout %q, stderr %q; want %d, %q", tt.args, status, stdout, stderr, tt.status, tt.want)
			}
			if strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "goprobe: ") {
				t.Errorf("%q: stderr %q is not one line of goprobe's", tt.args, stderr)
			}
		})
	}
}

func TestDefinition(t *testing.T) {
	path, err := filepath.Abs(seedMain)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ args, want []string }{
		{[]string{"-D", "callee"}, []string{"p:probe_main/callee PATH:OFF"}},
		{[]string{"-D", "callee", "-D", "ret=callee%return $retval"}, []string{"p:probe_main/callee PATH:OFF", "r:probe_main/ret PATH:OFF $retval"}},
		{[]string{"-D", "callee", "a=%di:s32", "-4(%bp)"}, []string{"p:probe_main/callee PATH:OFF a=%di:s32 -4(%bp)"}},
		{[]string{"--definition=g:x=callee"}, []string{"p:g/x PATH:OFF"}},
	} {
		status, stdout, stderr := call(noDir, append([]string{"-x", seedMain}, tt.args...)...)
		lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
		for i, line := range lines {
			p, err := tracefs.ParseProbe(line)
			if err != nil {
				t.Fatal(err)
			}
			place := strings.Fields(line)[1]
			lines[i] = strings.Replace(line, place, "PATH:OFF", 1)
			if p.Path != path || p.Offset == 0 {
				t.Errorf("%q: %q is not on %s", tt.args, line, path)
			}
		}
		if status != 0 || stderr != "" || !slices.Equal(lines, tt.want) {
			t.Errorf("%q: status %d, %q, stderr %q; want %q", tt.args, status, lines, stderr, tt.want)
		}
	}
}

// TestSeedList: the kernel's listing of the seed post, its kprobes as perf
// printed them there.
func TestSeedList(t *testing.T) {
	fake := newFake(
		"r:probe_main/callee__return /no/such/main-nopie:0x0000000000001126\np:probe_main/callee /no/such/main-nopie:0x0000000000001126 a=%di:s32 arg2=$comm\n",
		"p:kprobes/myprobe _do_fork\nr4:kprobes/myretprobe _do_fork arg1=$retval\n")
	const kernel = "  kprobes:myprobe      (on _do_fork)\n  kprobes:myretprobe   (on _do_fork%return with arg1)\n"
	const entry = "  probe_main:callee    (on 0x1126 in /no/such/main-nopie with a arg2)\n"
	const ret = "  probe_main:callee__return (on 0x1126%return in /no/such/main-nopie)\n"
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"-l"}, kernel + entry + ret},
		{[]string{"--list=kprobes:*"}, kernel},
		{[]string{"-l", "probe_main:*"}, entry + ret},
		{[]string{"-l", "callee", "myprobe"}, strings.SplitAfter(kernel, "\n")[0] + entry},
		{[]string{"-l", "nosuch*"}, ""},
		{[]string{"-l", "--raw", "my*"}, "p:kprobes/myprobe _do_fork\nr4:kprobes/myretprobe _do_fork arg1=$retval\n"},
		{[]string{"-l", "--raw", "callee*"}, string(fake.files["uprobe_events"].Data)}, // in the kernel's order
		{[]string{"--raw", "--no-raw", "-l", "callee"}, entry},
	} {
		status, stdout, stderr := call(fake.open, tt.args...)
		if status != 0 || stdout != tt.want || stderr != "" {
			t.Errorf("%q: status %d, stderr %q, stdout\n%swant\n%s", tt.args, status, stderr, stdout, tt.want)
		}
	}
}

// TestControlCharacters: a hostile name cannot command the terminal.
func TestControlCharacters(t *testing.T) {
	fake := newFake("p:g/x /tmp/\x1b[31mred:0x0000000000001139\n", "")
	for _, args := range [][]string{{"-l"}, {"-l", "--raw"}} {
		if status, stdout, _ := call(fake.open, args...); status != 0 || strings.Contains(stdout, "\x1b") || !strings.Contains(stdout, "[31mred") {
			t.Errorf("%q: status %d, %q", args, status, stdout)
		}
	}
}

func TestKernelProbes(t *testing.T) {
	fake := newFake("", "")
	status, stdout, stderr := call(fake.open, "_do_fork", "myretprobe=_do_fork%return", "$retval")
	want := []string{"p:probe/_do_fork _do_fork", "r:probe/myretprobe _do_fork $retval"}
	if status != 0 || stdout != "" || !slices.Equal(fake.wrote, want) {
		t.Errorf("status %d, stdout %q, wrote %q, want %q", status, stdout, fake.wrote, want)
	}
	const said = "Added new events:\n  probe:_do_fork       (on _do_fork)\n  probe:myretprobe     (on _do_fork%return with $retval)\n\n" +
		"You can now use it in all perf tools, such as:\n\n\tgorecord -e probe:myretprobe -aR sleep 1\n\n"
	if stderr != said {
		t.Errorf("said\n%s\nwant\n%s", stderr, said)
	}
}

// TestSwitches: --dry-run writes nothing and says the same; --force finds free
// names; --quiet and --verbose.
func TestSwitches(t *testing.T) {
	const taken = "p:probe_main/callee /bin/x:0x0000000000001139\np:other/main /bin/x:0x0000000000001139\n"
	dry := newFake(taken, "")
	status, _, said := call(dry.open, "-n", "-f", "-x", seedNopie, "callee", "callee%return", "main")
	if status != 0 || len(dry.wrote) != 0 {
		t.Errorf("dry run: status %d, wrote %q", status, dry.wrote)
	}
	real := newFake(taken, "")
	if status, _, stderr := call(real.open, "-f", "-x", seedNopie, "callee", "callee%return", "main"); status != 0 || stderr != said {
		t.Errorf("status %d, said\n%s\nthe dry run said\n%s", status, stderr, said)
	}
	var names []string
	for _, line := range real.wrote {
		names = append(names, strings.Fields(line)[0])
	}
	// The event of another group is no hindrance.
	if want := []string{"p:probe_main/callee_1", "r:probe_main/callee__return", "p:probe_main/main"}; !slices.Equal(names, want) {
		t.Errorf("defined %q, want %q", names, want)
	}
	if status, stdout, stderr := call(newFake("", "").open, "-q", "-x", seedNopie, "callee"); status != 0 || stdout+stderr != "" {
		t.Errorf("quiet: status %d, %q", status, stdout+stderr)
	}
	if _, _, stderr := call(newFake("", "").open, "-v", "-x", seedNopie, "callee"); !strings.HasPrefix(stderr, "Writing event: p:probe_main/callee /") {
		t.Errorf("verbose: %q", stderr)
	}
	if status, _, stderr := call(dry.open, "-n", "-d", "*"); status != 0 || len(dry.wrote) != 0 || stderr != "Removed event: other:main\nRemoved event: probe_main:callee\n" {
		t.Errorf("dry delete: status %d, wrote %q, %q", status, dry.wrote, stderr)
	}
}

func TestDelete(t *testing.T) {
	const uprobes = "p:probe_main/callee /bin/x:0x0000000000001139\np:probe_main/callee /bin/x:0x0000000000001140\nr:g/z /bin/x:0x0000000000001139\n"
	for _, tt := range []struct {
		args, wrote []string
		said        string
	}{
		{[]string{"-d", "g:z"}, []string{"-:g/z"}, "Removed event: g:z\n"},
		{[]string{"-d", "callee"}, []string{"-:probe_main/callee"}, "Removed event: probe_main:callee\n"}, // both points, once
		{[]string{"-d", "*"}, []string{"-:g/z", "-:kprobes/k", "-:probe_main/callee"}, "Removed event: g:z\nRemoved event: kprobes:k\nRemoved event: probe_main:callee\n"},
		{[]string{"-d", "g:*", "-d", "zz*"}, []string{"-:g/z"}, "\"zz*\" does not hit any event; goprobe -l lists them\nRemoved event: g:z\n"},
		{[]string{"-q", "-d", "g:*", "-d", "zz*"}, []string{"-:g/z"}, ""},
	} {
		fake := newFake(uprobes, "p:kprobes/k f\n")
		status, stdout, stderr := call(fake.open, tt.args...)
		if status != 0 || stdout != "" || stderr != tt.said || !slices.Equal(fake.wrote, tt.wrote) {
			t.Errorf("%q: status %d, stdout %q, said %q, wrote %q; want %q, %q", tt.args, status, stdout, stderr, fake.wrote, tt.said, tt.wrote)
		}
	}
	fake := newFake(uprobes, "")
	fake.errs = map[string]error{"-:probe_main/callee": syscall.EINVAL}
	status, _, stderr := call(fake.open, "-d", "*")
	if status != 234 || stderr != "Removed event: g:z\ngoprobe: delete probe_main:callee: invalid argument\n" {
		t.Errorf("status %d, %q", status, stderr)
	}
}

func TestHelp(t *testing.T) {
	status, stdout, _ := call(noDir, "--help")
	if status != 0 {
		t.Errorf("status %d", status)
	}
	for _, want := range []string{"Usage:", "-x, --exec PATH", "-l, --list[=", "Examples:", "Exit status:", "probe_main:callee"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("help lacks %q:\n%s", want, stdout)
		}
	}
	if status, stdout, _ := call(noDir, "--version"); status != 0 || !strings.HasPrefix(stdout, "goprobe ") {
		t.Errorf("version: %d, %q", status, stdout)
	}
}
