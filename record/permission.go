package record

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"
)

// Capabilities that events need (include/uapi/linux/capability.h).
const (
	capSysAdmin = 21
	capPerfmon  = 38
)

// permissionHint names the layer that refused to open an event, and the way out.
// notPermitted says that the kernel answered EPERM, which it does not for want
// of a capability alone; uprobe that the event is a probe without tracefs.
func permissionHint(proc, sys fs.FS, notPermitted, uprobe bool) string {
	status, _ := fs.ReadFile(proc, "self/status")
	caps, _ := strconv.ParseUint(statusField(status, "CapEff"), 16, 64)
	if mode := lockdown(sys); notPermitted && mode != "" {
		return "the kernel is locked down (" + mode + "), which forbids this; see lockdown= of the kernel's command line, and secure boot"
	}
	if notPermitted && caps&(1<<capSysAdmin|1<<capPerfmon) != 0 && statusField(status, "Seccomp") == "2" {
		return "a seccomp filter forbids perf_event_open, as docker's default one does; run the container with --security-opt seccomp=unconfined, or with a profile that allows it"
	}
	if uprobe && caps&(1<<capSysAdmin) == 0 {
		return "a probe without tracefs needs CAP_SYS_ADMIN (since the fix of CVE-2025-38466); where root mounts tracefs, CAP_PERFMON and CAP_DAC_OVERRIDE do: mount -t tracefs nodev /sys/kernel/tracing"
	}
	paranoid, _ := fs.ReadFile(proc, "sys/kernel/perf_event_paranoid")
	level := strings.TrimSpace(string(paranoid))
	if level == "" {
		return "the kernel has no perf_event_paranoid: perf events may be turned off"
	}
	return "perf_event_paranoid is " + level + "; run as root, with CAP_PERFMON, or lower kernel.perf_event_paranoid"
}

// statusField is a field of /proc/PID/status.
func statusField(status []byte, name string) string {
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// lockdown is the mode that the kernel is locked down in, "" for none
// (Documentation: kernel_lockdown(7)).
func lockdown(sys fs.FS) string {
	text, _ := fs.ReadFile(sys, "kernel/security/lockdown")
	_, rest, _ := strings.Cut(string(text), "[")
	mode, _, ok := strings.Cut(rest, "]")
	if !ok || mode == "none" {
		return ""
	}
	return mode
}

func isPermission(err error) bool { return errors.Is(err, fs.ErrPermission) }
