package probe

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseKernelSpec(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Spec
	}{
		{"kernel_clone", Spec{Function: "kernel_clone"}},
		{"virtio_blk:virtio_queue_rqs", Spec{Function: "virtio_blk:virtio_queue_rqs"}},
		{"virtio_blk:virtio_queue_rqs+0x10", Spec{Function: "virtio_blk:virtio_queue_rqs", Number: 16}},
		{"g:e=mod:f%return", Spec{Group: "g", Event: "e", Function: "mod:f", Return: true}},
		{"e=f", Spec{Event: "e", Function: "f"}},
	} {
		if got, err := ParseKernelSpec(tt.text); err != nil || !cmp.Equal(got, tt.want) {
			t.Errorf("ParseKernelSpec(%q) = %+v, %v, want %+v", tt.text, got, err, tt.want)
		}
	}
	for text, want := range map[string]string{
		"f:10":     "source lines",
		"f:+10":    "source lines",
		"mod:f%no": "only %return is",
		"mod:f+":   "no offset stands behind",
	} {
		if s, err := ParseKernelSpec(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseKernelSpec(%q) = %+v, %v, want %q", text, s, err, want)
		}
	}
	if _, spec, ok, err := ParseEvent("k:mod:f", func(string) bool { return false }); !ok || err != nil || spec.Function != "mod:f" {
		t.Errorf("-e k:mod:f gave %+v, %v, %v", spec, ok, err)
	}
}
