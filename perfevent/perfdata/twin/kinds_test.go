package twin_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestKinds checks that a text with a record of every kind is printed as it
// stands, in both byte orders.
func TestKinds(t *testing.T) {
	const golden = "testdata/kinds.twin"
	text := string(readText(t, golden))
	got := roundTrip(t, parse(t, text))
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
		text = string(got)
	}
	if string(got) != text {
		t.Error(difference(string(got), text))
	}
	if bytes.Contains(got, []byte("fix=")) {
		t.Error("records need mending")
	}
	big := strings.Replace(text, `order=little magic="PERFILE2"`, `order=big magic="2ELIFREP"`, 1)
	_, want, _ := strings.Cut(text, "\n")
	if _, got, _ := strings.Cut(string(roundTrip(t, parse(t, big))), "\n"); got != want {
		t.Errorf("big-endian: %s", difference(got, want))
	}
}

// difference shows the first line in which two texts differ.
func difference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return "got  " + a[i] + "\nwant " + b[i]
		}
	}
	return "one text is the start of the other"
}
