package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"gorecord/perfevent/perfdata"
)

// progress shows on a terminal how far reading has come, where it takes long.
// Elsewhere it shows nothing.
type progress struct {
	to          io.Writer // nil shows nothing
	start, stop int64
	next        time.Time
	shown       bool
}

const (
	progressAfter = time.Second
	progressEvery = 200 * time.Millisecond
)

func newProgress(stderr io.Writer, o *options, r *perfdata.Reader) *progress {
	p := &progress{next: time.Now().Add(progressAfter)}
	offset, size := r.Data()
	p.start, p.stop = int64(offset), int64(offset+size)
	if f, ok := stderr.(*os.File); ok && !o.quiet && term.IsTerminal(int(f.Fd())) {
		p.to = f
	}
	return p
}

// at notes a place in the file.
func (p *progress) at(offset int64) {
	if p.to == nil || p.stop <= p.start {
		return
	}
	now := time.Now()
	if now.Before(p.next) {
		return
	}
	p.next = now.Add(progressEvery)
	p.shown = true
	fmt.Fprintf(p.to, "\rreading: %d%%", 100*(offset-p.start)/(p.stop-p.start))
}

// end wipes what was shown.
func (p *progress) end() {
	if p.shown {
		fmt.Fprint(p.to, "\r\x1b[K")
	}
}
