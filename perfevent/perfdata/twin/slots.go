package twin

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"gorecord/perfevent"
)

// slot names a field of a decoded record; p points to it. Slots are the
// description of a record's text in both directions.
type slot struct {
	name  string
	p     any
	style style
}

// show adds the fields to a line.
func show(l *line, slots []slot) {
	for _, s := range slots {
		if toks, ok := s.tokens(); ok {
			l.add(s.name, toks...)
		}
	}
}

// fill sets the fields from a line. Those that it does not name stay as they are.
func fill(l *line, slots []slot) error {
	for _, s := range slots {
		f := l.find(s.name)
		if f == nil {
			continue
		}
		f.used = true
		if err := s.set(f.values); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// tokens are the values of the field; ok is false for a list without any.
func (s slot) tokens() (toks []string, ok bool) {
	one := func(v uint64, size int, st style) ([]string, bool) { return []string{st.text(v, size)}, true }
	switch p := s.p.(type) {
	case *uint16:
		return one(uint64(*p), 2, s.style)
	case *uint32:
		return one(uint64(*p), 4, s.style)
	case *uint64:
		return one(*p, 8, s.style)
	case *perfevent.Addr:
		return one(uint64(*p), 8, hexadecimal)
	case *perfevent.FileOffset:
		return one(uint64(*p), 8, hexadecimal)
	case *string:
		return []string{strconv.Quote(*p)}, true
	case *[]byte:
		return hexTokens(*p), len(*p) > 0
	case *[8]byte:
		return []string{hex.EncodeToString(p[:])}, true
	case *[]uint64:
		return tuples(len(*p), s.style, func(i int) []uint64 { return (*p)[i : i+1] })
	case *[]perfevent.Addr:
		return tuples(len(*p), hexadecimal, func(i int) []uint64 { return []uint64{uint64((*p)[i])} })
	case *[]perfevent.Namespace:
		return tuples(len(*p), decimal, func(i int) []uint64 { return []uint64{(*p)[i].Dev, (*p)[i].Inode} })
	case *[]perfevent.Branch:
		return tuples(len(*p), hexadecimal, func(i int) []uint64 {
			b := (*p)[i]
			return []uint64{uint64(b.From), uint64(b.To), b.Flags}
		})
	case *[]perfevent.ReadValue:
		return tuples(len(*p), decimal, func(i int) []uint64 {
			v := (*p)[i]
			return []uint64{v.Value, v.ID, v.Lost}
		})
	}
	panic(fmt.Sprintf("no text for %s of type %T", s.name, s.p))
}

// tuples prints n lists of numbers, joined by colons, as tokens.
func tuples(n int, s style, tuple func(i int) []uint64) ([]string, bool) {
	toks := make([]string, n)
	for i := range toks {
		var b strings.Builder
		for j, v := range tuple(i) {
			if j > 0 {
				b.WriteByte(':')
			}
			b.WriteString(s.text(v, 8))
		}
		toks[i] = b.String()
	}
	return toks, n > 0
}

func (s slot) set(values []string) (err error) {
	switch p := s.p.(type) {
	case *uint16:
		*p, err = setNumber[uint16](values, 2)
	case *uint32:
		*p, err = setNumber[uint32](values, 4)
	case *uint64:
		*p, err = setNumber[uint64](values, 8)
	case *perfevent.Addr:
		*p, err = setNumber[perfevent.Addr](values, 8)
	case *perfevent.FileOffset:
		*p, err = setNumber[perfevent.FileOffset](values, 8)
	case *string:
		*p, err = setString(values)
	case *[]byte:
		*p, err = appendBytes(nil, values)
	case *[8]byte:
		var b []byte
		if b, err = appendBytes(nil, values); err == nil && len(b) != len(p) {
			err = fmt.Errorf("%d bytes, want %d", len(b), len(p))
		}
		copy(p[:], b)
	case *[]uint64:
		*p, err = setTuples(values, 1, func(v []uint64) uint64 { return v[0] })
	case *[]perfevent.Addr:
		*p, err = setTuples(values, 1, func(v []uint64) perfevent.Addr { return perfevent.Addr(v[0]) })
	case *[]perfevent.Namespace:
		*p, err = setTuples(values, 2, func(v []uint64) perfevent.Namespace {
			return perfevent.Namespace{Dev: v[0], Inode: v[1]}
		})
	case *[]perfevent.Branch:
		*p, err = setTuples(values, 3, func(v []uint64) perfevent.Branch {
			return perfevent.Branch{From: perfevent.Addr(v[0]), To: perfevent.Addr(v[1]), Flags: v[2]}
		})
	case *[]perfevent.ReadValue:
		*p, err = setTuples(values, 3, func(v []uint64) perfevent.ReadValue {
			return perfevent.ReadValue{Value: v[0], ID: v[1], Lost: v[2]}
		})
	}
	return err
}

func setNumber[T ~uint16 | ~uint32 | ~uint64](values []string, size int) (T, error) {
	if len(values) != 1 {
		return 0, fmt.Errorf("%d values, want one", len(values))
	}
	v, err := parseNumber(values[0], size)
	return T(v), err
}

func setString(values []string) (string, error) {
	if len(values) != 1 {
		return "", fmt.Errorf("%d values, want one", len(values))
	}
	s, err := strconv.Unquote(values[0])
	if err != nil || values[0][0] != '"' {
		return "", fmt.Errorf("%s is no string", values[0])
	}
	return s, nil
}

// setTuples reads lists of up to n numbers, joined by colons; missing ones are
// zero.
func setTuples[T any](values []string, n int, make func([]uint64) T) ([]T, error) {
	var out []T
	var v [3]uint64
	for _, tok := range values {
		clear(v[:])
		i := 0
		for part := range strings.SplitSeq(tok, ":") {
			if i == n {
				return nil, fmt.Errorf("%s: more than %d numbers", tok, n)
			}
			var err error
			if v[i], err = parseNumber(part, 8); err != nil {
				return nil, err
			}
			i++
		}
		out = append(out, make(v[:]))
	}
	return out, nil
}
