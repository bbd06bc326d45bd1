package script

import (
	"context"
	"io"
	"os"
	"testing"

	"gorecord/perfevent/perfdata"
	"gorecord/symbolize"
	"gorecord/symbolize/stack"
)

func BenchmarkX(b *testing.B) {
	r, err := perfdata.Open("/tmp/t/our.data")
	if err != nil {
		b.Fatal(err)
	}
	store, _ := symbolize.NewStore(symbolize.StoreOptions{})
	for b.Loop() {
		Write(context.Background(), io.Discard, r, &stack.Resolver{Store: store, Local: os.DirFS("/")}, Options{})
	}
}
