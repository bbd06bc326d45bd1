package perfevent_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"testing"

	"gorecord/perfevent"
)

func orderOf(bigEndian bool) binary.ByteOrder {
	if bigEndian {
		return big
	}
	return little
}

// FuzzDecodeAttr checks that what is decoded is encoded to the same fields, in
// the smallest size, whatever the bytes.
func FuzzDecodeAttr(f *testing.F) {
	for _, size := range abiSizes {
		f.Add(attrBytes(little, size)[:size], false)
		f.Add(attrBytes(big, size)[:size], true)
	}
	f.Fuzz(func(t *testing.T, b []byte, bigEndian bool) {
		a, size, err := perfevent.DecodeAttr(b, orderOf(bigEndian))
		if err != nil {
			if a != (perfevent.Attr{}) || size != 0 {
				t.Fatalf("error %v and %+v", err, a)
			}
			return
		}
		if size < 64 || size%8 != 0 || len(b) < 64 {
			t.Fatalf("size %d of %d bytes", size, len(b))
		}
		made := a.Append(nil)
		again, madeSize, err := perfevent.DecodeAttr(made, little)
		if err != nil || again != a || madeSize != len(made) || madeSize != a.Size() {
			t.Fatalf("%+v comes back as %+v of %d bytes, error %v", a, again, madeSize, err)
		}
		if madeSize > 64 && madeSize-8 > (size+7)&^7 {
			t.Fatalf("%d bytes became %d", size, madeSize)
		}
		if !bigEndian {
			checkAttrPrefix(t, made, b[:min(size, len(b))])
		}
	})
}

// checkAttrPrefix compares an attribute's bytes with those that it came from,
// but for its size and two reserved bytes.
func checkAttrPrefix(t *testing.T, made, from []byte) {
	t.Helper()
	from, made = bytes.Clone(from[:min(len(from), len(made))]), made[:min(len(from), len(made))]
	copy(from[4:8], made[4:8])
	if len(from) > 110 {
		clear(from[110:min(len(from), 112)])
	}
	if !bytes.Equal(made, from) {
		t.Fatalf("encoded as\n%x from\n%x", made, from)
	}
}

// FuzzDecodeRecord checks that any body is decoded without a panic, and that
// what was decoded without an error can be encoded and comes back the same.
func FuzzDecodeRecord(f *testing.F) {
	all := trailerSets()
	set := all[len(all)-1]
	for i, test := range append(recordCases, readCase(little)) {
		tail, _ := trailer(little, set)
		f.Add(uint32(test.typ), uint16(test.misc), wire(little, test.body, tail), uint64(set), i%2 == 0, false)
		tail, _ = trailer(big, set)
		f.Add(uint32(test.typ), uint16(test.misc), wire(big, test.body, tail), uint64(set), i%2 == 0, true)
	}
	f.Fuzz(func(t *testing.T, typ uint32, misc uint16, body []byte, sampleType uint64, idAll, bigEndian bool) {
		if len(body) > perfevent.MaxRecordSize-perfevent.HeaderSize {
			return
		}
		a := perfevent.Attr{SampleType: perfevent.SampleType(sampleType)}
		if idAll {
			a.Flags = perfevent.FlagSampleIDAll
		}
		o := orderOf(bigEndian)
		layout := perfevent.NewLayout(&a, o)
		raw := record(o, perfevent.RecordType(typ), perfevent.Misc(misc), body)
		layout.Time(raw)
		rec, id, err := layout.DecodeRecord(raw)
		if rec.RecordType() != perfevent.RecordType(typ) {
			t.Fatalf("type %d comes as %v", typ, rec.RecordType())
		}
		if err != nil {
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatal(err)
			}
			return
		}
		checkReencoded(t, layout, rec, raw.Misc, id)
	})
}

func checkReencoded(t *testing.T, layout *perfevent.Layout, rec perfevent.Record, m perfevent.Misc, id perfevent.SampleIdentity) {
	t.Helper()
	if r, ok := rec.(*perfevent.Read); ok && len(r.Values)%8 != 0 {
		return // would be padded
	}
	if r, ok := rec.(*perfevent.Mmap2); ok && r.BuildID == nil {
		m &^= perfevent.MiscMmapBuildID // leaked
	}
	b, err := layout.AppendRecord(nil, rec, m, id)
	if err != nil {
		// Only the NUL and the padding that a string lacked can be too much.
		t.Skip(err)
	}
	raw, err := perfevent.SplitRecord(b, layout.ByteOrder())
	if err != nil {
		t.Fatal(err)
	}
	again, againID, err := layout.DecodeRecord(raw)
	if err != nil || againID != id || !reflect.DeepEqual(rec, again) {
		t.Fatalf("%+v %+v comes back as %+v %+v, error %v", rec, id, again, againID, err)
	}
}

// FuzzDecodeSample checks that any body is decoded without a panic, and that
// encoding is stable: what comes back is written with the same bytes.
func FuzzDecodeSample(f *testing.F) {
	full := fieldAttr(1<<25 - 1)
	for _, field := range sampleFields {
		for _, typ := range []perfevent.SampleType{field.typ, full.SampleType &^ field.typ} {
			body, _ := fieldSample(little, typ)
			f.Add(body, uint64(typ), uint64(full.ReadFormat), full.BranchSampleType, full.SampleRegsUser, full.SampleRegsIntr, false)
		}
	}
	body, _ := fieldSample(big, full.SampleType)
	f.Add(body, uint64(full.SampleType), uint64(full.ReadFormat), full.BranchSampleType, full.SampleRegsUser, full.SampleRegsIntr, true)
	f.Fuzz(func(t *testing.T, body []byte, sampleType, readFormat, branch, regsUser, regsIntr uint64, bigEndian bool) {
		if len(body) > perfevent.MaxRecordSize-perfevent.HeaderSize {
			return
		}
		a := perfevent.Attr{
			SampleType: perfevent.SampleType(sampleType), ReadFormat: perfevent.ReadFormat(readFormat),
			BranchSampleType: branch, SampleRegsUser: regsUser, SampleRegsIntr: regsIntr,
		}
		o := orderOf(bigEndian)
		raw := record(o, perfevent.RecordSample, 3, body)
		layout := perfevent.NewLayout(&a, o)
		layout.Time(raw)
		var s perfevent.Sample
		if err := layout.DecodeSample(raw, &s); err != nil {
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatal(err)
			}
			return
		}
		b, err := layout.AppendSample(nil, &s)
		if err != nil {
			if len(body) < perfevent.MaxRecordSize-perfevent.HeaderSize-3*8 {
				t.Fatal(err) // more than the padding of three fields
			}
			return
		}
		var again perfevent.Sample
		if err := layout.DecodeSample(split(t, b, o), &again); err != nil {
			t.Fatalf("%+v cannot be read back: %v", s, err)
		}
		if c, err := layout.AppendSample(nil, &again); err != nil || !bytes.Equal(b, c) {
			t.Fatalf("encoded as\n%x and then, error %v, as\n%x", b, err, c)
		}
		if len(b) > len(raw.Bytes)+3*8 {
			t.Fatalf("%d bytes became %d", len(raw.Bytes), len(b))
		}
	})
}

// FuzzRing checks that a pass over any memory ends, gives no more than Load
// said, and leaves the ring usable.
func FuzzRing(f *testing.F) {
	good := bytes.Join([][]byte{numbered(40, 1), numbered(8, 2), numbered(104, 3)}, nil)
	f.Add(uint64(0), uint64(len(good)), uint8(8), good)
	f.Add(uint64(1<<32), 1<<32+uint64(len(good)), uint8(8), good)
	f.Add(uint64(8), uint64(16), uint8(3), numbered(8, 1))
	f.Add(uint64(1<<64-64), uint64(64), uint8(7), bytes.Repeat(numbered(32, 1), 4))
	f.Fuzz(func(t *testing.T, tail, head uint64, size uint8, content []byte) {
		w := newRingWriter(1<<(3+size%12), tail)
		copy(w.data, content)
		r := w.reader(t)
		w.head = head
		w.publish()
		said := r.Load()
		given, last := 0, error(nil)
		for ok := true; ok; {
			var rec perfevent.RawRecord
			if rec, ok, last = r.Next(); !ok {
				break
			}
			if len(rec.Bytes) < perfevent.HeaderSize || len(rec.Bytes) > len(w.data) {
				t.Fatalf("record of %d bytes in a ring of %d", len(rec.Bytes), len(w.data))
			}
			if _, err := perfevent.SplitRecord(rec.Bytes, binary.NativeEndian); err != nil {
				t.Fatal(err)
			}
			if given += len(rec.Bytes); given > said {
				t.Fatalf("gave %d bytes of %d", given, said)
			}
		}
		if last == nil && given != said || last != nil && !errors.Is(last, perfevent.ErrRingCorrupt) {
			t.Fatalf("gave %d bytes of %d, error %v", given, said, last)
		}
		expectEnd(t, r)
		r.Commit()
		if w.tail() != head {
			t.Fatalf("tail %d, head %d", w.tail(), head)
		}
	})
}
