package twin

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"gorecord/perfevent/perfdata"
)

const (
	rawChunk   = 16 << 10 // bytes of unknown structure on one line of the text
	maxSection = 1 << 20  // bytes of the largest section that is shown by its fields
)

// Print writes the text of the recording of the given size in src. It fails
// where src does not start as a recording does (perfdata.ErrNotPerfData), or
// cannot be read or written; damage is no error: Parse gives back the same
// bytes, whatever they are.
//
// The text is written as the file is read. Memory is bounded by the sections of
// attributes and ids, and in recordings that are compressed by what
// decompression needs.
func Print(w io.Writer, src io.ReaderAt, size int64) error {
	p := &printer{w: bufio.NewWriter(w), src: src, size: size}
	head, err := p.read(0, min(size, fileHeaderSize))
	if err != nil {
		return err
	}
	order, ok := magicOrder(head)
	if !ok {
		return perfdata.ErrNotPerfData
	}
	p.s = newState(order)
	defer p.stop()
	if err := p.file(head); err != nil {
		return err
	}
	return p.w.Flush()
}

// magicOrder learns the byte order from the start of a file; the first version
// tells it by the header's size alone.
func magicOrder(b []byte) (binary.ByteOrder, bool) {
	if len(b) < magicSize {
		return nil, false
	}
	switch string(b[:magicSize]) {
	case "PERFILE2":
		return binary.LittleEndian, true
	case "2ELIFREP":
		return binary.BigEndian, true
	case "PERFFILE":
		if len(b) >= pipeHeaderSize {
			if s := binary.BigEndian.Uint64(b[magicSize:]); s == fileHeaderSize || s == pipeHeaderSize {
				return binary.BigEndian, true
			}
		}
		return binary.LittleEndian, true
	}
	return nil, false
}

// printer writes the parts of a file, one behind the other; state.pos is how
// far it has come.
type printer struct {
	w    *bufio.Writer
	src  io.ReaderAt
	size int64
	s    *state
	text []byte
	inflation
}

func (p *printer) read(at, n int64) ([]byte, error) {
	b := make([]byte, n)
	if got, err := p.src.ReadAt(b, at); err != nil && int64(got) < n {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("read %d bytes at %#x: %w", n, at, err)
	}
	return b, nil
}

func (p *printer) file(head []byte) error {
	size := uint64(0)
	if len(head) >= pipeHeaderSize {
		size = p.s.order.Uint64(head[magicSize:])
	}
	switch {
	case size == pipeHeaderSize:
		if err := p.section("pipe", head[:pipeHeaderSize], pipeHeader); err != nil {
			return err
		}
		return p.records(p.size)
	case size == fileHeaderSize && len(head) == fileHeaderSize:
		if err := p.section("header", head, fileHeader); err != nil {
			return err
		}
		return p.tiles(head)
	}
	if err := p.comment("the header is cut off, or of a size that no recording has"); err != nil {
		return err
	}
	return p.raw(p.size)
}

func (p *printer) comment(format string, args ...any) error {
	_, err := fmt.Fprintf(p.w, "# "+format+"\n", args...)
	return err
}

// section writes a line for a section of known fields, or where its bytes do
// not come back from them, raw bytes.
func (p *printer) section(verb string, b []byte, describe func(*walker)) error {
	l := newLine(p.s.pos, verb)
	w := printing(b, l, p.s.order)
	if describe(w); w.err == nil {
		if ok, err := p.try(l, b); ok || err != nil {
			return err
		}
	}
	l = rawLine(p.s.pos, b)
	if verb == "ids" || verb == "attr" {
		l = newLine(p.s.pos, verb)
		l.addHex("hex", b)
	}
	return p.write(l, b)
}

// try writes the line where parsing gives the bytes that it stands for. What
// the fields do not say it adds, as long as that is little.
func (p *printer) try(l *line, want []byte) (bool, error) {
	got, err := p.parsed(l)
	if err != nil {
		return false, nil
	}
	if len(got) != len(want) {
		if len(got) > len(want) {
			l.add("cut", strconv.Itoa(len(got)-len(want)))
		} else {
			l.addHex("tail", want[len(got):])
		}
		if got, err = p.parsed(l); err != nil {
			return false, nil
		}
	}
	if !bytes.Equal(got, want) {
		fix, ok := fixes(got, want)
		if !ok {
			return false, nil
		}
		l.add("fix", fix...)
		if got, err = p.parsed(l); err != nil || !bytes.Equal(got, want) {
			return false, nil
		}
	}
	return true, p.commit(l.verb, want)
}

// parsed gives the bytes that the text of the line stands for. The text stays
// in p.text.
func (p *printer) parsed(l *line) ([]byte, error) {
	p.text = l.appendText(p.text[:0], "")
	again := &line{at: noPlace, fields: make([]field, 0, len(l.fields))}
	for part := range strings.SplitSeq(string(p.text), "\n") {
		if err := again.lex(part); err != nil {
			return nil, err
		}
	}
	b, _, err := p.s.encode(again)
	return b, err
}

// fixes lists where two rows of bytes differ; ok is false where that is in more
// than half of them, or in their length.
func fixes(got, want []byte) (toks []string, ok bool) {
	if len(got) != len(want) {
		return nil, false
	}
	const gap = 4 // equal bytes that do not part two differences
	total := 0
	for i := 0; i < len(want); {
		if got[i] == want[i] {
			i++
			continue
		}
		end := i + 1
		for j := end; j < len(want) && j < end+gap && j < i+hexWidth; j++ {
			if got[j] != want[j] {
				end = j + 1
			}
		}
		toks = append(toks, fmt.Sprintf("%#x:%x", i, want[i:end]))
		total += end - i
		i = end
	}
	return toks, total <= len(want)/2
}

// write writes a line that stands for its bytes without a doubt.
func (p *printer) write(l *line, b []byte) error {
	p.text = l.appendText(p.text[:0], "")
	return p.commit(l.verb, b)
}

// commit writes the text that was tried last, and moves behind its bytes.
func (p *printer) commit(verb string, b []byte) error {
	p.s.note(verb, b)
	_, err := p.w.Write(p.text)
	return err
}

// mark writes the line that begins a section whose bytes stand below.
func (p *printer) mark(verb string, values ...string) error {
	l := newLine(p.s.pos, verb)
	if len(values) > 0 {
		l.add("", values...)
	}
	return p.write(l, nil)
}

// raw writes bytes of no known structure up to a place in the file.
func (p *printer) raw(end int64) error {
	for p.s.pos < end {
		b, err := p.read(p.s.pos, min(end-p.s.pos, rawChunk))
		if err != nil {
			return err
		}
		if err := p.write(rawLine(p.s.pos, b), b); err != nil {
			return err
		}
	}
	return nil
}

func rawLine(at int64, b []byte) *line {
	l := newLine(at, "bytes")
	if len(b) > 2*hexWidth && len(bytes.TrimLeft(b, "\x00")) == 0 {
		l.add("zeros", strconv.Itoa(len(b)))
	} else {
		l.add("", blobTokens(b)...)
	}
	return l
}
