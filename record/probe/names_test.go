package probe

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"gorecord/perfevent/tracefs"
)

// TestGroupName holds what perf 6.1 made of these names.
func TestGroupName(t *testing.T) {
	for path, want := range map[string]string{
		"/tmp/main-nopie": "probe_main", "/lib/libc-2.27.so": "probe_libc", "libc.so.6": "probe_libc", "./a.b": "probe_a",
		"_under": "probe__under", "9lives": "probe_9lives", "/x/.hidden": "probe_", "libstdc++.so.6": "probe_libstdc", "ünder": "probe_",
		strings.Repeat("x", 100): "probe_" + strings.Repeat("x", 57),
	} {
		got := GroupName(path)
		if got != want || !tracefs.IsIdentifier(got) {
			t.Errorf("GroupName(%q) = %q, want %q", path, got, want)
		}
	}
}

func TestEventName(t *testing.T) {
	long := strings.Repeat("f", 80)
	for _, tt := range []struct {
		spec Spec
		want string
	}{
		{Spec{Function: "callee"}, "callee"},
		{Spec{Function: "callee", Return: true}, "callee__return"},
		{Spec{Function: "callee", Number: 4}, "callee"},
		{Spec{Kind: AtFileOffset, Number: 0x1139}, "abs_1139"},
		{Spec{Kind: AtAddress, Number: 0x401126, Return: true}, "abs_401126__return"},
		{Spec{Function: "foo.isra.0"}, "foo"},
		{Spec{Function: "foo.123"}, "foo"},
		{Spec{Function: "memcpy@@GLIBC_2.14"}, "memcpy"},
		{Spec{Function: "main.callee"}, "main_callee"},
		{Spec{Function: "main.(*DB).Query"}, "main_DB_Query"},
		{Spec{Function: "net/http.(*Server).Serve.func1", Return: true}, "net_http_Server_Serve_func1__return"},
		{Spec{Function: "ns::A::f"}, "ns_A_f"},
		{Spec{Function: "ns::A::f(int, char *)"}, "ns_A_f"},
		{Spec{Function: "ns::A::~A()"}, "ns_A_A"},
		{Spec{Function: "9p"}, "_9p"},
		{Spec{Function: "(anonymous)"}, "anonymous"},
		{Spec{Function: "operator()"}, "operator"},
		{Spec{Function: long}, long[:63]},
		{Spec{Function: long, Return: true}, long[:55] + "__return"},
	} {
		got := EventName(&tt.spec)
		if got != tt.want || !tracefs.IsIdentifier(got) {
			t.Errorf("EventName of %q = %q, want %q", tt.spec.Place(), got, tt.want)
		}
	}
}

func TestUnique(t *testing.T) {
	taken := map[string]bool{"callee": true, "callee_1": true, "ret__return": true}
	isTaken := func(name string) bool { return taken[name] }
	long := strings.Repeat("x", 63)
	taken[long] = true
	for name, want := range map[string]string{
		"free": "free", "callee": "callee_2", "ret__return": "ret_1", long: long[:61] + "_1",
	} {
		if got, err := Unique(name, isTaken); got != want || err != nil {
			t.Errorf("Unique(%q) = %q, %v, want %q", name, got, err, want)
		}
	}
	_, err := Unique("callee", func(string) bool { return true })
	if !errors.Is(err, fs.ErrExist) || !strings.Contains(fmt.Sprint(err), "1024") {
		t.Errorf("all taken: %v", err)
	}
}
