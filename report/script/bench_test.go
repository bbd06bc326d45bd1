package script

import (
	"context"
	"testing"

	"gorecord/perfevent/perfdata"
	"gorecord/symbolize"
	"gorecord/symbolize/stack"
)

// BenchmarkFormat is printing alone: one formatter, items that are gathered
// already.
func BenchmarkFormat(b *testing.B) {
	r, err := perfdata.Open(recordings + "/syscalls.data")
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	store, err := symbolize.NewStore(symbolize.StoreOptions{Root: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	c, err := newCollector(r, &stack.Resolver{Store: store}, Options{})
	if err != nil {
		b.Fatal(err)
	}
	p := &pipeline{cur: &chunk{}, format: make(chan *chunk, 100), ordered: make(chan *chunk, 100), free: make(chan *chunk, 100)}
	for range 100 {
		p.free <- &chunk{}
	}
	if err := c.run(context.Background(), p); err != nil {
		b.Fatal(err)
	}
	p.flush()
	first := <-p.format
	f := c.formatter()
	var text []byte
	b.ReportAllocs()
	for b.Loop() {
		text = text[:0]
		for i := range first.items {
			text = f.append(text, &first.items[i])
		}
		b.SetBytes(int64(len(text)))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(first.items)), "ns/sample")
}
