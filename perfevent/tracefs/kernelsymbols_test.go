package tracefs

import (
	"errors"
	"io"
	"io/fs"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
)

const someKernel = `ffffffff81000000 T _stext
ffffffff81000100 T kernel_clone
ffffffff81000100 t __pfx_kernel_clone
ffffffff81000300 t vfs_read
ffffffff81000400 t finish_task_switch.isra.0
ffffffff81000480 t finish_task_switch.isra.0.cold
ffffffff81000500 T __x64_sys_getppid
ffffffff81000600 t get_kprobe
ffffffff81000680 t inside_range
ffffffff81000700 t trace_call_bpf
ffffffff81000800 t twice
ffffffff81000900 t twice
ffffffff81000a00 T _etext
ffffffff82000000 D jiffies
ffffffffc0000000 t load_misc_binary	[binfmt_misc]
ffffffffc0000100 t kernel_misc	[binfmt_misc]
`

// refusing is a Dir on a kernel that refuses every definition, with an errno
// and the reason in its error log.
func refusing(t *testing.T, root fs.FS, errno syscall.Errno, reason, line string) *Dir {
	t.Helper()
	files := fstest.MapFS{"kprobe_events": {},
		"available_filter_functions": {Data: []byte("kernel_clone\nvfs_read\ntwice\nload_misc_binary [binfmt_misc]\n")}}
	if reason != "" {
		files["error_log"] = &fstest.MapFile{Data: []byte("[    1.000000] trace_kprobe: error: " + reason + "\n  Command: " + line + "\n           ^\n")}
	}
	d := NewDir(files, func(string) (io.WriteCloser, error) { return refuser{errno}, nil })
	d.root = root
	return d
}

type refuser struct{ errno syscall.Errno }

func (r refuser) Write([]byte) (int, error) { return 0, r.errno }
func (refuser) Close() error                { return nil }

func TestKernelRefusals(t *testing.T) {
	root := fstest.MapFS{
		"proc/kallsyms":                    {Data: []byte(someKernel)},
		"sys/module/binfmt_misc/initstate": {Data: []byte("live\n")},
		"sys/module/kernel_misc/uevent":    {},
		"sys/kernel/debug/kprobes/blacklist": {Data: []byte("0xffffffff81000600-0xffffffff81000640\tget_kprobe\n" +
			"0xffffffff81000670-0xffffffff81000700\t__noinstr_text_start\n")},
	}
	noDebugfs := fstest.MapFS{"proc/kallsyms": {Data: []byte(someKernel)}}
	const unknown, failed = unknownSymbol, "Failed to register probe event"
	for _, tt := range []struct {
		symbol string
		root   fs.FS
		errno  syscall.Errno
		said   string
		want   string
	}{
		{"_do_fork", root, syscall.ENOENT, unknown, "the kernel has no function _do_fork: Linux 5.10 renamed it kernel_clone"},
		{"kernel_clon", root, syscall.ENOENT, unknown, "the kernel has no function kernel_clon; did you mean kernel_clone?"},
		{"kernel_clon", root, syscall.EINVAL, unknown, "did you mean kernel_clone?"}, // since 6.6
		{"kernel_clon", root, syscall.ENOENT, "", "did you mean kernel_clone?"},
		{"finish_task_switch", root, syscall.ENOENT, unknown, "no function finish_task_switch; did you mean finish_task_switch.isra.0?"},
		{"sys_getppid", root, syscall.ENOENT, unknown, "did you mean __x64_sys_getppid?"},
		{"rcu_read_lock_bh_always", root, syscall.ENOENT, unknown, "it may be inlined wherever it is called"},
		{"nomod:f", root, syscall.ENOENT, unknown, "the kernel has no module nomod now; load it by modprobe nomod"},
		{"kernel_misc:vfs_read", root, syscall.ENOENT, "", "kernel_misc is built into the kernel: name the function alone, vfs_read"},
		{"binfmt_misc:load_misc", root, syscall.ENOENT, unknown, "module binfmt_misc has no function load_misc; did you mean load_misc_binary?"},
		{"jiffies", root, syscall.EINVAL, failed, "jiffies is data, not a function"},
		{"get_kprobe", root, syscall.EINVAL, failed, "get_kprobe is on the kernel's list of functions that cannot be probed"},
		{"inside_range", root, syscall.EINVAL, failed, "inside_range is on the kernel's list"},
		{"trace_call_bpf", root, syscall.EINVAL, failed, "trace_call_bpf is marked notrace"},
		{"get_kprobe", noDebugfs, syscall.EINVAL, failed, "mount -t debugfs"},
		{"vfs_read", root, syscall.EINVAL, failed, failed},
		{"vfs_read", root, syscall.EINVAL, "Invalid register name", "Invalid register name"},
		{"twice", root, syscall.EADDRNOTAVAIL, "The symbol is not unique", "the kernel has 2 functions of that name"},
		{"f", nil, syscall.ENOENT, "", "the kernel has no function f that can be probed"},
	} {
		p := Probe{Kind: Kprobe, Group: "g", Name: "e", Symbol: tt.symbol}
		line, err := p.Definition()
		if err != nil {
			t.Fatal(err)
		}
		err = refusing(t, tt.root, tt.errno, tt.said, line).Add(p)
		is := tt.errno
		if tt.said == unknown {
			is = syscall.ENOENT
		}
		if !errors.Is(err, is) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", tt.symbol, err, tt.want)
		}
	}
}

func TestKernelOffsets(t *testing.T) {
	root := fstest.MapFS{"proc/kallsyms": {Data: []byte(someKernel)}}
	for _, tt := range []struct {
		symbol string
		offset uint64
		want   string
	}{
		{"kernel_clone", 0x1ff, "not an instruction boundary"}, // so it was written
		{"kernel_clone", 0x200, "kernel_clone+512 lies behind the end of kernel_clone, which has 512 bytes at most"},
		{"twice", 0x5000, "not an instruction boundary"},
	} {
		p := Probe{Kind: Kprobe, Group: "g", Name: "e", Symbol: tt.symbol, SymbolOffset: tt.offset}
		line, _ := p.Definition()
		err := refusing(t, root, syscall.EILSEQ, "Probe point is not an instruction boundary", line).Add(p)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "multibyte") {
			t.Errorf("%s+%d: %v, want %q", tt.symbol, tt.offset, err, tt.want)
		}
	}
	p := Probe{Kind: Kprobe, Group: "g", Name: "e", Symbol: "kernel_clone", SymbolOffset: 4}
	err := refusing(t, root, syscall.EINVAL, "Failed to register probe event", "p:g/e kernel_clone+4").Add(p)
	if err == nil || !strings.Contains(err.Error(), "the instruction at kernel_clone+4 is the function tracer's own") {
		t.Errorf("%v", err)
	}
	p.SymbolOffset = 2
	line, _ := p.Definition()
	err = refusing(t, root, syscall.EINVAL, "Failed to register probe event", line).Add(p)
	if want := "all have four bytes"; runtime.GOARCH == "arm64" != strings.Contains(err.Error(), want) {
		t.Errorf("on %s: %v", runtime.GOARCH, err)
	}
}

func FuzzKernelSymbol(f *testing.F) {
	f.Add("ffffffffc0000000 t load_misc_binary\t[binfmt_misc]")
	f.Add("0 D x")
	f.Fuzz(func(t *testing.T, line string) {
		if s, ok := parseKernelSymbol(line); ok && (s.name == "" || !strings.Contains(line, s.name)) {
			t.Errorf("%q gave %+v", line, s)
		}
	})
}
