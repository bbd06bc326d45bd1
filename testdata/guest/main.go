// Guest boots kernels under QEMU and runs the tests of ./tests inside, with the
// commands of this project at hand:
//
//	go run ./testdata/guest                                     the kernels of every run, all tests
//	go run ./testdata/guest -kernel 6.1-arm64 -run TestGuestUprobe -v
//
// docs/guest-tests.md says more. The exit status is 0 where all tests passed, 1
// where one failed or could not run, and 2 for a wrong command line.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// options are what the flags say.
type options struct {
	kernels, run, keep string
	limit              time.Duration
	verbose            bool
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("guest", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.kernels, "kernel", "", "boot the kernels of this list ("+kernelNames()+"), or all")
	flags.StringVar(&o.run, "run", "TestGuest", "run the tests that this regular expression matches")
	flags.StringVar(&o.keep, "keep", "", "leave what guests bring back in a folder of this name for each kernel")
	flags.DurationVar(&o.limit, "limit", 4*time.Minute, "time for one boot")
	flags.BoolVar(&o.verbose, "v", false, "show the guests' consoles while they run")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	chosen, err := choose(o.kernels)
	if err != nil || flags.NArg() > 0 {
		fmt.Fprintln(stderr, "guest:", errors.Join(err, unexpected(flags.Args())))
		return 2
	}
	b := bench{options: o, stdout: stdout, built: map[string]string{}}
	defer b.close()
	status := 0
	for i := range chosen {
		if err := b.test(ctx, &chosen[i]); err != nil {
			fmt.Fprintf(stderr, "guest: %v\n", err)
			status = 1
		}
	}
	return status
}

func unexpected(args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%q is not understood; tests are named by -run", args)
}

// bench builds for guests and boots them.
type bench struct {
	options
	stdout io.Writer
	root   string // of the module
	temp   string
	built  map[string]string // an architecture's programs → folder
}

func (b *bench) close() {
	if b.temp != "" {
		os.RemoveAll(b.temp)
	}
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.stdout, format+"\n", args...) }

// boots is how often a guest is booted that comes to no verdict.
const boots = 3

// test boots a kernel and runs the tests in it. Where CI has no way to Debian's
// mirror, it says so and nothing is tested.
func (b *bench) test(ctx context.Context, k *kernel) error {
	begin := time.Now()
	if _, err := exec.LookPath(k.machine.qemu); err != nil {
		return fmt.Errorf("kernel %s: %w: apt-get install --no-install-recommends %s", k.name, err, k.machine.pkg)
	}
	cache, err := cacheFolder()
	if err != nil {
		return err
	}
	kept, pkg, err := k.fetch(cache, b.say)
	var unreachable *noMirror
	if errors.As(err, &unreachable) && os.Getenv("CI") != "" {
		b.say("skip %v", err)
		return nil
	}
	if err != nil {
		return err
	}
	built, err := b.programs(k.arch)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(b.temp, k.name+"-")
	if err != nil {
		return err
	}
	initrd := filepath.Join(dir, "initrd")
	if err := writeInitramfs(initrd, built, filepath.Join(kept, moduleFile), b.hostPrograms(k.arch), b.config()); err != nil {
		return err
	}
	kvm := kvmWorks(runtime.GOARCH, k.arch)
	b.say("kernel %s: %s, %s, %s; made ready in %.1f s", k.name, pkg, k.machine.qemu, accelerator(kvm), time.Since(begin).Seconds())
	for try := 1; ; try++ {
		err = b.boot(ctx, k, filepath.Join(kept, "vmlinuz"), initrd, dir, kvm)
		if !errors.Is(err, errNoVerdict) || try == boots || ctx.Err() != nil {
			return err
		}
		b.say("%v; once more", err)
	}
}

func accelerator(kvm bool) string {
	if kvm {
		return "KVM"
	}
	return "emulated"
}

// programs builds for an architecture, once.
func (b *bench) programs(arch string) (string, error) {
	if dir, ok := b.built[arch]; ok {
		return dir, nil
	}
	if b.temp == "" {
		mod, err := exec.Command("go", "env", "GOMOD").Output()
		if err != nil {
			return "", fmt.Errorf("go env GOMOD: %w", err)
		}
		b.root = filepath.Dir(strings.TrimSpace(string(mod)))
		if b.temp, err = os.MkdirTemp("", "gorecord-guest-"); err != nil {
			return "", err
		}
	}
	dir := filepath.Join(b.temp, arch)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	if err := build(b.root, arch, dir); err != nil {
		return "", err
	}
	b.built[arch] = dir
	return dir, nil
}

// hostPrograms are programs of this machine that the guest can run: perf, and
// the seed's.
func (b *bench) hostPrograms(arch string) []string {
	if arch != "amd64" || runtime.GOARCH != "amd64" {
		return nil
	}
	seed := filepath.Join(b.root, "testdata", "seed")
	list := []string{filepath.Join(seed, "main"), filepath.Join(seed, "main-nopie")}
	if path, err := exec.LookPath("perf"); err == nil {
		list = append(list, path)
	}
	return list
}

func (b *bench) config() guestConfig {
	// Tests that hang are to end with a trace of what they wait for.
	timeout := b.limit - b.limit/8
	return guestConfig{
		Args: []string{"-test.v", "-test.run=" + b.run, "-test.timeout=" + timeout.String()},
		Env:  []string{"CI=" + os.Getenv("CI")},
	}
}

// outSize is the size of the disk on which guests bring back files; it takes
// room on the host as far as it is written.
const outSize = 256 << 20

// boot boots once and judges. The console of a guest that failed is shown.
func (b *bench) boot(ctx context.Context, k *kernel, vmlinuz, initrd, dir string, kvm bool) error {
	begin := time.Now()
	disk := filepath.Join(dir, "out")
	if err := emptyDisk(disk); err != nil {
		return err
	}
	var console strings.Builder
	var show io.Writer = &console
	if b.verbose {
		show = io.MultiWriter(&console, b.stdout)
	}
	verdict, err := boot(ctx, &k.machine, k.machine.command(vmlinuz, initrd, disk, kvm), b.limit, show)
	if err == nil && b.keep != "" {
		err = unpack(disk, filepath.Join(b.keep, k.name))
	}
	seconds := time.Since(begin).Seconds()
	if err == nil && verdict == "pass" {
		if !b.verbose {
			b.say("%s", summary(console.String()))
		}
		b.say("kernel %s: pass, %.1f s from boot to power off", k.name, seconds)
		return nil
	}
	if !b.verbose {
		b.say("%s", console.String())
	}
	if err != nil {
		return fmt.Errorf("kernel %s: %w, %.1f s after the boot", k.name, err, seconds)
	}
	return fmt.Errorf("kernel %s: %s, %.1f s after the boot", k.name, verdict, seconds)
}

func emptyDisk(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(outSize), f.Close())
}

// summary are the lines of a console that tell which tests ran, and on what.
func summary(console string) string {
	var out []string
	for line := range strings.Lines(console) {
		line = strings.TrimRight(line, "\n")
		for _, mark := range []string{"guest: ", "--- ", "    --- SKIP", "    --- FAIL"} {
			if strings.HasPrefix(line, mark) && !strings.HasPrefix(line, verdictMark) {
				out = append(out, "  "+line)
			}
		}
	}
	return strings.Join(out, "\n")
}
