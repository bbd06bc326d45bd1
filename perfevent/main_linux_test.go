package perfevent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestMain fails the run where a test leaves a descriptor open.
func TestMain(m *testing.M) {
	warmUp()
	before := descriptors()
	code := m.Run()
	for fd, target := range descriptors() {
		if _, ok := before[fd]; !ok {
			fmt.Fprintf(os.Stderr, "descriptor %s is left open: %s\n", fd, target)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// warmUp makes the Go runtime open the descriptors of its network poller, which
// it keeps.
func warmUp() {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	r.Close()
	w.Close()
}

// descriptors are the open descriptors of this process and what they refer to.
func descriptors() map[string]string {
	const dir = "/proc/self/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		panic(err)
	}
	out := make(map[string]string)
	for _, e := range entries {
		// The descriptor of the listing itself is gone by now.
		if target, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil {
			out[e.Name()] = target
		}
	}
	return out
}
