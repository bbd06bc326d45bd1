package perfevent_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"gorecord/perfevent"
)

var (
	little = binary.ByteOrder(binary.LittleEndian)
	big    = binary.ByteOrder(binary.BigEndian)
	orders = []binary.ByteOrder{little, big}
)

// wire lays out values one after the other as a C compiler would: integers in
// the byte order, bytes and strings as they are.
func wire(o binary.ByteOrder, values ...any) []byte {
	var b []byte
	for _, v := range values {
		switch v := v.(type) {
		case uint8:
			b = append(b, v)
		case uint16:
			b = append(b, 0, 0)
			o.PutUint16(b[len(b)-2:], v)
		case uint32:
			b = append(b, 0, 0, 0, 0)
			o.PutUint32(b[len(b)-4:], v)
		case uint64:
			b = append(b, 0, 0, 0, 0, 0, 0, 0, 0)
			o.PutUint64(b[len(b)-8:], v)
		case string:
			b = append(b, v...)
		case []byte:
			b = append(b, v...)
		case []any:
			b = append(b, wire(o, v...)...)
		default:
			panic(fmt.Sprintf("no wire form of %T", v))
		}
	}
	return b
}

// record puts a header before a body.
func record(o binary.ByteOrder, t perfevent.RecordType, m perfevent.Misc, body []byte) perfevent.RawRecord {
	b := wire(o, uint32(t), uint16(m), uint16(perfevent.HeaderSize+len(body)), body)
	return perfevent.RawRecord{Type: t, Misc: m, Bytes: b}
}

// split takes a record apart and fails the test where that is not all of b.
func split(t *testing.T, b []byte, o binary.ByteOrder) perfevent.RawRecord {
	t.Helper()
	raw, err := perfevent.SplitRecord(b, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(raw.Bytes) != len(b) {
		t.Fatalf("record of %d bytes states a size of %d", len(b), len(raw.Bytes))
	}
	return raw
}
