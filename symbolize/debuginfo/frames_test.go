package debuginfo_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"gorecord/symbolize"
	"gorecord/symbolize/debuginfo"
)

// readelfRow is a row of readelf's table of frames: an address, and the CFA from
// it on.
var readelfRow = regexp.MustCompile(`^([0-9a-f]{16}) (\S+)`)

// dwarfNumbers are the numbers of the registers that CFAs count from.
var dwarfNumbers = map[string]int{"rsp": 7, "rdx": 1, "rcx": 2, "rsi": 4, "r8": 8, "r9": 9, "r11": 11, "r14": 14, "r15": 15, "rbp": 6, "r10": 10, "rbx": 3, "r13": 13, "rdi": 5, "rax": 0, "r12": 12, "sp": 31, "x29": 29}

// TestFramesAgainstReadelf: the CFA at each row of readelf's table.
func TestFramesAgainstReadelf(t *testing.T) {
	if _, err := exec.LookPath("readelf"); err != nil {
		t.Skip(err)
	}
	paths := []string{"testdata/programs/shapes", build(t, "gcc", "c.c", "-O2"), buildGo(t)}
	for _, libc := range []string{"/lib/x86_64-linux-gnu/libc.so.6", "/lib/aarch64-linux-gnu/libc.so.6", "/lib64/libc.so.6"} {
		if _, err := os.Stat(libc); err == nil {
			paths = append(paths, libc)
		}
	}
	for _, path := range paths {
		frames, err := debuginfo.OpenFrames(path)
		if err != nil {
			t.Fatal(err)
		}
		defer frames.Close()
		// readelf fails over what it does not find beside, but shows all.
		out, _ := exec.Command("readelf", "-W", "--debug-dump=frames-interp", path).Output()
		compared, bad := 0, 0
		rows := map[uint64]string{}
		var end uint64 // of the FDE; 0 in a CIE
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, " CIE ") {
				end = 0
			} else if _, pc, ok := strings.Cut(line, "pc="); ok {
				_, last, _ := strings.Cut(strings.TrimSpace(pc), "..")
				end, _ = strconv.ParseUint(last, 16, 64)
			}
			if m := readelfRow.FindStringSubmatch(line); m != nil && (strings.Contains(m[2], "+") || m[2] == "exp") {
				if pc, _ := strconv.ParseUint(m[1], 16, 64); pc < end {
					rows[pc] = m[2] // the last one at an address counts
				}
			}
		}
		for pc, want := range rows {
			reg, off, ok := frames.CFA(symbolize.VirtAddr(pc))
			got := fmt.Sprintf("%d+%d", reg, off)
			if !ok {
				got = "exp"
			}
			if name, add, isSum := strings.Cut(want, "+"); isSum {
				n, known := dwarfNumbers[name]
				if !known {
					t.Fatalf("register %s", name)
				}
				want = fmt.Sprintf("%d+%s", n, add)
			}
			if got != want {
				if bad++; bad < 10 {
					t.Errorf("%s: CFA at %#x is %s, readelf: %s", path, pc, got, want)
				}
			}
			compared++
		}
		if compared < 5 {
			t.Errorf("%s: %d rows compared", path, compared)
		}
		t.Logf("%s: %d rows compared", path, compared)
	}
}
