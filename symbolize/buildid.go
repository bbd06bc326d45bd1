package symbolize

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// ErrNoBuildID says that a file or a note section carries no GNU build id.
var ErrNoBuildID = errors.New("no build id")

// maxBuildID bounds a build id; the longest in use (sha256) has 32 bytes and
// ld's --build-id=0x… is the only way to more.
const maxBuildID = 256

// BuildID is the raw bytes of a GNU build id (note type 3, name "GNU"). The
// empty value stands for "not known".
type BuildID string

// ParseBuildID reads a build id from hexadecimal digits of either case.
func ParseBuildID(s string) (BuildID, error) {
	raw, err := hex.DecodeString(s)
	if err != nil {
		return "", fmt.Errorf("parse build id %q: %w", s, err)
	}
	if len(raw) == 0 || len(raw) > maxBuildID {
		return "", fmt.Errorf("parse build id %q: %d bytes, want 1 to %d", s, len(raw), maxBuildID)
	}
	return BuildID(raw), nil
}

// String gives lower-case hexadecimal digits, nothing for the empty value.
func (id BuildID) String() string { return hex.EncodeToString([]byte(id)) }

// Known reports whether id holds any byte that is not zero.
func (id BuildID) Known() bool { return id.trim() != "" }

// Equal compares two build ids and ignores zero bytes at their ends: perf
// before 5.12 wrote every id padded to 20 bytes.
func (id BuildID) Equal(other BuildID) bool { return id.trim() == other.trim() }

func (id BuildID) trim() string { return strings.TrimRight(string(id), "\x00") }
