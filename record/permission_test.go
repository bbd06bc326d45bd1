package record

import (
	"strings"
	"testing"
	"testing/fstest"
)

// TestPermissionHint: each layer that can refuse an event is named.
func TestPermissionHint(t *testing.T) {
	const nobody, perfmon, root = "0000000000000000", "0000004000000000", "000001ffffffffff"
	for _, tt := range []struct {
		name, caps, seccomp, lockdown, paranoid string
		notPermitted, uprobe                    bool
		want                                    string
	}{
		{"level", nobody, "0", "[none] integrity confidentiality", "2", false, false, "perf_event_paranoid is 2; run as root"},
		{"turned off", nobody, "0", "", "", false, false, "perf events may be turned off"},
		{"probe without tracefs", perfmon, "0", "", "2", false, true, "needs CAP_SYS_ADMIN"},
		{"lockdown", root, "0", "none integrity [confidentiality]", "2", true, false, "the kernel is locked down (confidentiality)"},
		{"seccomp", root, "2", "[none] integrity", "2", true, false, "a seccomp filter forbids perf_event_open"},
		{"a filter that allows it", nobody, "2", "", "3", false, false, "perf_event_paranoid is 3"},
	} {
		proc := fstest.MapFS{"self/status": {Data: []byte("Name:\tx\nCapEff:\t" + tt.caps + "\nSeccomp:\t" + tt.seccomp + "\n")}}
		if tt.paranoid != "" {
			proc["sys/kernel/perf_event_paranoid"] = &fstest.MapFile{Data: []byte(tt.paranoid + "\n")}
		}
		sys := fstest.MapFS{"kernel/security/lockdown": {Data: []byte(tt.lockdown + "\n")}}
		if got := permissionHint(proc, sys, tt.notPermitted, tt.uprobe); !strings.Contains(got, tt.want) || strings.Contains(got, "\n") {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
