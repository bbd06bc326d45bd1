package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// machine is a computer that QEMU emulates.
type machine struct {
	arch     string
	qemu     string
	pkg      string // Debian's package of it
	emulated []string
	kvm      []string
	console  string
}

// pc emulates its CPUs in one thread, and without cmpxchg16b: under the load of
// probes, guests crash where QEMU 7.2 gives each a thread.
var pc = machine{
	arch: "amd64", qemu: "qemu-system-x86_64", pkg: "qemu-system-x86", console: "ttyS0",
	emulated: []string{"-machine", "q35", "-accel", "tcg,thread=single", "-cpu", "max,-cx16"},
	kvm:      []string{"-machine", "q35", "-accel", "kvm", "-cpu", "host"},
}

// virt names a CPU, since emulating all that QEMU knows doubles the time.
var virt = machine{
	arch: "arm64", qemu: "qemu-system-aarch64", pkg: "qemu-system-arm", console: "ttyAMA0",
	emulated: []string{"-machine", "virt", "-accel", "tcg,thread=multi", "-cpu", "cortex-a76"},
}

// command is the call of QEMU for a boot.
func (m *machine) command(vmlinuz, initrd, disk string, kvm bool) []string {
	args := m.emulated
	if kvm && m.kvm != nil {
		args = m.kvm
	}
	return append(args[:len(args):len(args)],
		"-smp", "2", "-m", "1G",
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio",
		"-kernel", vmlinuz, "-initrd", initrd,
		"-append", "console="+m.console+" quiet panic=-1 oops=panic",
		// NVMe is built into the kernels; other disks need modules.
		"-drive", "file="+disk+",if=none,id=out,format=raw", "-device", "nvme,drive=out,serial=out")
}

// kvmWorks reports whether KVM may be used. A device /dev/kvm alone is not
// enough: where the CPU shows no virtualization, or its kernel module is not
// there, guests hang in it.
func kvmWorks(hostArch, arch string) bool {
	if hostArch != arch || arch != "amd64" {
		return false
	}
	cpu, err := os.ReadFile("/proc/cpuinfo")
	if err != nil || !regexp.MustCompile(`(?m)^flags\s*:.*\b(vmx|svm)\b`).Match(cpu) {
		return false
	}
	_, intel := os.Stat("/sys/module/kvm_intel")
	_, amd := os.Stat("/sys/module/kvm_amd")
	if intel != nil && amd != nil {
		return false
	}
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

// verdictMark stands in front of the one line in which the guest's init says
// how its tests ended: "pass", or what failed. The guest has it, too.
const verdictMark = "guest: verdict: "

// errNoVerdict says that a boot came to no verdict: the kernel or QEMU died, or
// the time was over.
var errNoVerdict = errors.New("the guest gave no verdict")

// boot runs QEMU until the guest switches itself off, and gives its verdict.
// What comes from the console goes to the writer. A guest that does not end
// within the limit is ended.
func boot(ctx context.Context, m *machine, args []string, limit time.Duration, console io.Writer) (verdict string, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, m.qemu, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("%w; it is in Debian's package %s", err, m.pkg)
	}
	verdict = watch(out, console)
	err = cmd.Wait()
	switch {
	case verdict != "":
		return verdict, nil
	case ctx.Err() != nil:
		return "", fmt.Errorf("%w within %v", errNoVerdict, limit)
	case err != nil:
		return "", fmt.Errorf("%w: %s: %w: %s", errNoVerdict, m.qemu, err, strings.TrimSpace(stderr.String()))
	}
	return "", errNoVerdict
}

// watch copies a console until it ends, and finds the verdict in it.
func watch(console io.Reader, to io.Writer) (verdict string) {
	lines := bufio.NewReader(console)
	for {
		line, err := lines.ReadString('\n')
		line = strings.ReplaceAll(line, "\r", "")
		_, _ = io.WriteString(to, line)
		if _, said, ok := strings.Cut(line, verdictMark); ok && strings.HasSuffix(said, "\n") {
			verdict = strings.TrimSpace(said)
		}
		if err != nil {
			return verdict
		}
	}
}
