package script

import (
	"context"
	"io"
	"runtime"
)

// formatter turns an item into text. It is for one goroutine.
type formatter interface {
	append(dst []byte, it *item) []byte
}

// pipeline turns chunks of items into text beside the goroutine that gathers
// them, and writes the text in order.
type pipeline struct {
	w       io.Writer
	format  chan *chunk // to the formatters
	ordered chan *chunk // to the writer, in order
	free    chan *chunk
	done    chan struct{}
	err     error // of the writer; valid once done is closed
	cur     *chunk
}

// chunkItems are formatted at a time.
const chunkItems = 512

func newPipeline(w io.Writer, newFormatter func() formatter, failed context.CancelCauseFunc) *pipeline {
	workers := max(1, min(4, runtime.GOMAXPROCS(0)-1))
	chunks := 2*workers + 2
	p := &pipeline{
		w: w, format: make(chan *chunk, chunks), ordered: make(chan *chunk, chunks), free: make(chan *chunk, chunks),
		done: make(chan struct{}),
	}
	for range chunks {
		p.free <- &chunk{ready: make(chan struct{}, 1)}
	}
	for range workers {
		f := newFormatter()
		go func() {
			for c := range p.format {
				c.text = c.text[:0]
				for i := range c.items {
					c.text = f.append(c.text, &c.items[i])
				}
				c.ready <- struct{}{}
			}
		}()
	}
	go func() {
		defer close(p.done)
		for c := range p.ordered {
			<-c.ready
			if p.err == nil {
				if _, p.err = w.Write(c.text); p.err != nil {
					failed(p.err)
				}
			}
			p.free <- c
		}
	}()
	p.cur = <-p.free
	return p
}

// write writes text before the first chunk.
func (p *pipeline) write(text []byte) { p.cur.add().text = text }

// add gives room for the next item, cleared but for the room of its slices.
func (p *pipeline) add() *item {
	if len(p.cur.items) == chunkItems {
		p.flush()
	}
	return p.cur.add()
}

// flush sends what was gathered on its way.
func (p *pipeline) flush() {
	if len(p.cur.items) == 0 {
		return
	}
	p.format <- p.cur
	p.ordered <- p.cur
	p.cur = <-p.free
	p.cur.reset()
}

// finish writes what is left and returns the writer's error.
func (p *pipeline) finish() error {
	p.flush()
	close(p.format)
	close(p.ordered)
	<-p.done
	return p.err
}

// chunk is a run of items, and their text once they are formatted.
type chunk struct {
	items []item
	bytes []byte // the records of items
	text  []byte
	ready chan struct{}
}

func (c *chunk) reset() { c.items, c.bytes = c.items[:0], c.bytes[:0] }

func (c *chunk) add() *item {
	if n := len(c.items); n < cap(c.items) {
		c.items = c.items[:n+1]
	} else {
		c.items = append(c.items, item{})
	}
	it := &c.items[len(c.items)-1]
	it.clear()
	return it
}

// drop takes the last item back.
func (c *chunk) drop() { c.items = c.items[:len(c.items)-1] }

// keep copies a record's bytes. The copy stays valid until reset.
func (c *chunk) keep(b []byte) []byte {
	start := len(c.bytes)
	c.bytes = append(c.bytes, b...)
	return c.bytes[start:len(c.bytes):len(c.bytes)]
}
