package twin

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Rooms of strings in bytes, by the length of what they hold.
func roomOf8(n int) int  { return (n + 8) &^ 7 }
func roomOf64(n int) int { return (n + 64) &^ 63 }

// maxRoom bounds the room of a string, and the zeros, that a line of the text
// asks for.
const maxRoom = 1 << 20

// stringText is the token of a string that fills its room with zeros.
func stringText(b []byte, room func(int) int) string {
	s := bytes.TrimRight(b, "\x00")
	text := strconv.Quote(string(s))
	if len(b) != room(len(s)) {
		text += "/" + strconv.Itoa(len(b))
	}
	return text
}

func (w *walker) appendString(dst []byte, name, text string, room func(int) int) []byte {
	quoted, size, sized := text, "", false
	if i := strings.LastIndexByte(text, '"'); i >= 0 && strings.HasPrefix(text[i+1:], "/") {
		quoted, size, sized = text[:i+1], text[i+2:], true
	}
	if text == "" {
		quoted = `""`
	}
	s, err := strconv.Unquote(quoted)
	if err != nil || quoted[0] != '"' {
		w.fail(fmt.Errorf("%s: %s is no string", name, text))
		return dst
	}
	n := room(len(s))
	if sized {
		v := w.parse(name, size, 4)
		if v > maxRoom || int(v) < len(s) {
			w.fail(fmt.Errorf("%s: %d bytes of room for a string of %d (at most %d)", name, v, len(s), maxRoom))
			return dst
		}
		n = int(v)
	}
	if n < len(s) {
		w.fail(fmt.Errorf("%s: %d bytes of room for a string of %d", name, n, len(s)))
		return dst
	}
	return append(append(dst, s...), make([]byte, n-len(s))...)
}

// str codes a string with its room in front, as feature sections hold them.
func (w *walker) str(name string) {
	if !w.enc {
		if text, ok := w.readStr(); ok {
			w.put(name, text)
		}
		return
	}
	w.appendStr(name, w.single(name))
}

func (w *walker) readStr() (string, bool) {
	b := w.read(w.bounded(4))
	if len(b) > maxRoom {
		w.fail(io.ErrUnexpectedEOF)
	}
	return stringText(b, roomOf64), w.err == nil
}

func (w *walker) appendStr(name, text string) {
	at := len(w.b)
	w.b = append(w.b, 0, 0, 0, 0)
	w.b = w.appendString(w.b, name, text, roomOf64)
	w.order.PutUint32(w.b[at:], uint32(len(w.b)-at-4))
}

// strs codes a number of strings, and the strings.
func (w *walker) strs(name string) {
	if w.enc {
		toks := w.list(name)
		w.appendNumber(uint64(len(toks)), 4)
		for _, tok := range toks {
			w.appendStr(name, tok)
		}
		return
	}
	var toks []string
	for range w.bounded(4) {
		tok, ok := w.readStr()
		if !ok {
			return
		}
		toks = append(toks, tok)
	}
	if toks != nil {
		w.put(name, toks...)
	}
}

// chars codes a string in a fixed room, or with n < 0 up to the end.
func (w *walker) chars(name string, n int) {
	room := func(int) int { return n }
	if n < 0 {
		room = roomOf8
	}
	if w.enc {
		w.b = w.appendString(w.b, name, w.single(name), room)
		return
	}
	if n < 0 {
		n = len(w.b)
	}
	w.put(name, stringText(w.read(n), room))
}
