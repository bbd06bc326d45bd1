//go:build !linux

package tracefs

import (
	"fmt"
	"runtime"
)

// Open finds the machine's event tracing folder, which only Linux has.
func Open() (*Dir, error) {
	return nil, fmt.Errorf("open tracefs on %s: %w", runtime.GOOS, ErrNotSupported)
}
