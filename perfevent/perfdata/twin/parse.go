package twin

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Parse turns a text back into the bytes of the recording. Errors name the
// line. It takes memory in proportion to the text, and to the rooms that the
// text asks for, which are at most 1 MiB for one string.
func Parse(r io.Reader) ([]byte, error) {
	p := &parser{state: newState(binary.LittleEndian), sections: map[string]span{}, lateIDs: map[string]int{}}
	lines := newLineReader(r)
	for {
		l, err := lines.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = p.line(l)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", lines.no(l), err)
		}
	}
	if err := p.finish(); err != nil {
		return nil, err
	}
	return p.out, nil
}

// parser gathers the bytes of a text.
type parser struct {
	*state
	out      []byte
	sections map[string]span // where sections stand
	current  string          // section that is open
	autos    []auto
	ids      int            // lists of ids so far
	lateIDs  map[string]int // sections of ids that stand behind their attribute
	pack     *packer
}

// span is the place of a section.
type span struct{ offset, end int64 }

// sections are the words that begin a section of the file.
var sectionVerbs = map[string]bool{
	"ids": true, "attr": true, "data": true, "feature_table": true, "feature": true, "event_types": true,
}

func (p *parser) line(l *line) error {
	if l.plus {
		return p.packed(l)
	}
	if err := p.closePacked(l.no); err != nil {
		return err
	}
	if sectionVerbs[l.verb] {
		if l.at >= 0 && l.at != p.pos {
			return fmt.Errorf("%s comes to stand at %#x, not at %#x", l.verb, p.pos, l.at)
		}
		p.open(l)
	}
	if isPacked(l) {
		return p.openPacked(l)
	}
	b, autos, err := p.encode(l)
	if err != nil {
		return err
	}
	for _, a := range autos {
		p.resolve(a, b)
	}
	if e, ok := p.lateIDs[p.current]; ok && l.verb == "ids" {
		p.addIDs(e, decodeIDs(b, p.order))
	}
	p.emit(l.verb, b)
	return nil
}

// resolve puts a place into the bytes of a line, or leaves it for the end
// where the section is still to come.
func (p *parser) resolve(a auto, b []byte) {
	if s, ok := p.sections[a.section]; ok && a.section != p.current {
		a.put(b, s)
		return
	}
	if strings.HasPrefix(a.section, "ids ") {
		p.lateIDs[a.section] = len(p.events)
	}
	a.at += p.pos
	p.autos = append(p.autos, a)
}

func (a auto) put(b []byte, s span) {
	a.order.PutUint64(b[a.at:], uint64(s.offset))
	a.order.PutUint64(b[a.at+8:], uint64(s.end-s.offset))
}

func (p *parser) emit(verb string, b []byte) {
	p.out = append(p.out, b...)
	p.note(verb, b)
}

// open begins a section, and ends the one before.
func (p *parser) open(l *line) {
	name := l.verb
	switch l.verb {
	case "attr":
		name = "attrs"
	case "ids":
		name = idsName(p.ids)
		if f := l.find("event"); f != nil && len(f.values) == 1 {
			name = "ids " + f.values[0]
		}
		p.ids++
	case "feature":
		if f := l.find(""); f != nil {
			name = "feature " + f.values[0]
		}
	}
	if name == p.current {
		return
	}
	p.close()
	if _, ok := p.sections[name]; !ok {
		p.current = name
		p.sections[name] = span{p.pos, p.pos}
	}
}

func (p *parser) close() {
	if p.current != "" {
		p.sections[p.current] = span{p.sections[p.current].offset, p.pos}
		p.current = ""
	}
}

// finish puts in the places that the text left open.
func (p *parser) finish() error {
	if err := p.closePacked(0); err != nil {
		return err
	}
	p.close()
	for _, a := range p.autos {
		s, ok := p.sections[a.section]
		if !ok {
			return fmt.Errorf("line %d: place of %s: the text has none", a.line, a.section)
		}
		a.put(p.out, s)
	}
	return nil
}

// maxTextLine bounds one line of the text in bytes.
const maxTextLine = 4 << 20

// lineReader puts the lines of a text together with those that continue them.
type lineReader struct {
	r      *bufio.Reader
	number int
	next0  string // the line that was read too far
	has    bool
	err    error
}

func newLineReader(r io.Reader) *lineReader { return &lineReader{r: bufio.NewReader(r)} }

// no is the number to name in an error about l.
func (r *lineReader) no(l *line) int {
	if l != nil {
		return l.no
	}
	return r.number
}

// next is the next line with what continues it; io.EOF at the end.
func (r *lineReader) next() (*line, error) {
	var l *line
	for {
		text, err := r.peek()
		if errors.Is(err, io.EOF) && l != nil {
			return l, nil
		}
		if err != nil {
			return nil, err
		}
		body := strings.TrimLeft(text, " \t")
		indented := len(body) < len(text)
		if l != nil && !indented {
			return l, nil
		}
		r.has = false
		if l == nil {
			if indented {
				return nil, errors.New("an indented line continues nothing")
			}
			l = &line{no: r.number, at: noPlace}
			body, l.plus = cutPlus(body)
		}
		if err := l.lex(body); err != nil {
			l.no = r.number
			return l, err
		}
		if l.verb == "" {
			return l, errors.New("a place without a word")
		}
	}
}

func cutPlus(s string) (string, bool) {
	rest, ok := strings.CutPrefix(s, "+")
	return rest, ok
}

// peek is the next line that says something.
func (r *lineReader) peek() (string, error) {
	for !r.has && r.err == nil {
		r.number++
		var text string
		if text, r.err = r.read(); r.err != nil && text == "" {
			break
		}
		if s := strings.TrimLeft(text, " \t\r"); s != "" && s[0] != '#' && s[0] != '|' {
			r.next0, r.has = text, true
		}
	}
	if r.has {
		return r.next0, nil
	}
	return "", r.err
}

func (r *lineReader) read() (string, error) {
	var text []byte
	for {
		part, err := r.r.ReadSlice('\n')
		text = append(text, part...)
		if len(text) > maxTextLine {
			return "", errors.New("longer than " + strconv.Itoa(maxTextLine) + " bytes")
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return strings.TrimRight(string(text), "\r\n"), err
		}
	}
}
