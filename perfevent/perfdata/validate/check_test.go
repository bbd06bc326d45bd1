package validate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"testing"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
)

func check(b []byte) []Finding { return Check(bytes.NewReader(b), int64(len(b))) }

// expect wants findings of the given kinds, each at least once, and no others.
func expect(t *testing.T, b []byte, want ...What) {
	t.Helper()
	got := check(b)
	for _, f := range got {
		if !slices.Contains(want, f.What) {
			t.Errorf("unexpected: %v", f)
		}
	}
	for _, w := range want {
		if !slices.ContainsFunc(got, func(f Finding) bool { return f.What == w }) {
			t.Errorf("no finding of %v; %v", w, got)
		}
	}
}

// bases are recordings without findings.
func bases(t testing.TB) map[string][]byte {
	out := map[string][]byte{}
	for _, opts := range []perfdata.Options{{}, {NoCompress: true}, {Level: 1}, {Level: 19}} {
		out[fmt.Sprintf("%+v", opts)] = file(t, opts).data
	}
	p := pipeOf(t)
	out["pipe"] = p.bytes(t)
	p.packed = []int{100, 3000}
	out["pipe, compressed"] = p.bytes(t)
	return out
}

func TestValid(t *testing.T) {
	for name, b := range bases(t) {
		t.Run(name, func(t *testing.T) { expect(t, b) })
	}
}

// fileDamage is done to the recording in file mode, not compressed; each gives
// one kind of finding.
var fileDamage = []struct {
	name string
	do   func(d *damage)
	want What
}{
	{"magic of the first version", func(d *damage) { copy(d.b, "PERFFILE") }, Magic},
	{"empty", func(d *damage) { d.b = nil }, Magic},
	{"size of the header", func(d *damage) { d.put64(8, 112) }, HeaderSize},
	{"event types", func(d *damage) { d.put64(64, 8) }, Reserved},
	{"feature bit 0", func(d *damage) { d.b[72] |= 1 }, Reserved},
	{"size of the entries", func(d *damage) { d.put64(16, 100) }, AttrEntries},
	{"no attributes", func(d *damage) { d.put64(32, 0) }, AttrEntries},
	{"unused end of attributes", func(d *damage) {
		for i := range 2 {
			d.put32(d.attr(i)+92, 0)
			d.desc(i, 92, 0)
		}
		d.put32(d.feature(29)+4, 0)
	}, AttrSize},
	{"unknown flag", func(d *damage) { d.put32(d.attr(0)+44, 1<<20); d.desc(0, 44, 1<<20) }, AttrReserved},
	{"unknown sample field", func(d *damage) { d.put32(d.attr(0)+28, 1); d.desc(0, 28, 1) }, AttrReserved},
	{"unknown read format", func(d *damage) { d.put32(d.attr(0)+36, 1); d.desc(0, 36, 1) }, AttrReserved},
	{"id that is there twice", func(d *damage) {
		d.put64(int(d.u64(d.ids(1)))+8, 21)
		d.patchDescID(1, 1, 21)
		d.eachSampleOf(22, 21)
	}, EventIDs},
	{"data behind the file", func(d *damage) { d.put64(48, 1<<40) }, SectionBounds},
	{"feature behind the file", func(d *damage) { d.put64(d.table(8), uint64(len(d.b))) }, SectionBounds},
	{"feature that wraps", func(d *damage) { d.put64(d.table(8), ^uint64(0)-3) }, SectionBounds},
	{"one feature over another", func(d *damage) { d.put64(d.table(4), d.u64(d.table(3))); d.put64(d.table(4)+8, d.u64(d.table(3)+8)) }, SectionOverlap},
	{"feature in the header", func(d *damage) { d.put64(d.table(10), 0x50) }, SectionOverlap},
	{"bit of simpleperf", func(d *damage) { d.rename(featSampleTime, 128) }, VendorBit},
	{"feature of ours that is not yet there", func(d *damage) { d.rename(featProbes, featProbes+31) }, VendorBit},
	{"magic of the description", func(d *damage) { d.b[d.feature(featProbes)] = 'G' }, OwnFeature},
	{"version of the description", func(d *damage) { d.put32(d.feature(featProbes)+8, 2) }, OwnFeature},
	{"description that is not packed", func(d *damage) { d.b[d.feature(featProbes)+12] = 0 }, OwnFeature},
	{"checksum of the description", func(d *damage) { d.b[d.feature(featProbes)+len(d.content(featProbes))-8] ^= 1 }, OwnFeature},
	{"description of eight bytes", func(d *damage) { d.put64(d.table(featProbes)+8, 8) }, FeatureLength},
	{"feature without its end", func(d *damage) { d.put64(d.table(10)+8, 4) }, FeatureLength},
	{"feature with more", func(d *damage) { d.b = append(d.b, 0, 0, 0, 0); d.put64(d.table(featSampleTime)+8, 20) }, FeatureLength},
	{"string of too many bytes", func(d *damage) { d.put32(d.feature(3), 400) }, FeatureLength},
	{"arguments beyond the section", func(d *damage) { d.put32(d.feature(11), 7) }, FeatureLength},
	{"string without NUL", func(d *damage) { copy(d.b[d.feature(6)+4:], "12345678") }, FeatureString},
	{"string's padding", func(d *damage) { d.b[d.feature(3)+4+7] = 1 }, FeatureString},
	{"empty string", func(d *damage) { copy(d.b[d.feature(3)+4:], "\x00\x00\x00\x00\x00\x00\x00\x00") }, FeatureString},
	{"more CPUs online than there are", func(d *damage) { d.put32(d.feature(7)+4, 5) }, NrCPUs},
	{"no CPU", func(d *damage) { d.put32(d.feature(7)+4, 0) }, NrCPUs},
	{"other attribute", func(d *damage) { d.desc(1, 16, 99) }, EventDesc},
	{"number of events", func(d *damage) { d.put32(d.feature(12), 1) }, EventDesc},
	{"size of attributes", func(d *damage) { d.put32(d.feature(12)+4, 64) }, EventDesc},
	{"other ids", func(d *damage) { d.patchDescID(0, 1, 99) }, EventDesc},
	{"nameless", func(d *damage) { clear(d.b[d.descAt(0)+104:][:9]) }, EventDesc},
	{"size of a build id", func(d *damage) { d.b[d.feature(featBuildID)+32] = 21 }, BuildID},
	{"no build id", func(d *damage) { d.b[d.feature(featBuildID)+32] = 0 }, BuildID},
	{"bytes behind a build id", func(d *damage) { d.b[d.feature(featBuildID)+32] = 12 }, BuildID},
	{"name of a build id", func(d *damage) { d.b[d.feature(featBuildID)+36] = 0 }, BuildID},
	{"misc of a build id", func(d *damage) { d.b[d.feature(featBuildID)+4] = 0 }, BuildID},
	{"size of an entry", func(d *damage) { d.put16(d.feature(featBuildID)+6, 47) }, BuildID},
	{"entry beyond the section", func(d *damage) { d.put16(d.feature(featBuildID)+6, 4000) }, BuildID},
	{"first sample", func(d *damage) { d.put64(d.feature(featSampleTime), 999) }, SampleTimes},
	{"last sample", func(d *damage) { d.put64(d.feature(featSampleTime)+8, 1<<40) }, SampleTimes},
	{"last sample before the first", func(d *damage) { d.put64(d.feature(featSampleTime)+8, 7) }, SampleTimes},
	{"resolution of the clock", func(d *damage) { d.put64(d.feature(23), 0) }, Clock},
	{"other clock", func(d *damage) { d.put32(d.feature(29)+4, 4) }, Clock},
	{"version of the clock data", func(d *damage) { d.put32(d.feature(29), 2) }, Clock},
	{"tracing data's magic", func(d *damage) { d.b[d.feature(1)] = 0 }, TracingData},
	{"tracing data's version", func(d *damage) { d.b[d.feature(1)+12] = '5' }, TracingData},
	{"tracing data's page", func(d *damage) { d.put32(d.feature(1)+16, 1000) }, TracingData},
	{"tracing data's parts", func(d *damage) { d.b[d.feature(1)+20] = 'H' }, TracingData},
	{"tracing data too short", func(d *damage) { d.put64(d.table(1)+8, d.u64(d.table(1)+8)-1) }, TracingData},
	{"format without name", func(d *damage) { d.replace("name: other", "nose: other") }, TracingData},
	{"no format", func(d *damage) { d.replace("ID: 77", "ID: 76") }, TracingFormat},
	{"two formats", func(d *damage) { d.replace("ID: 78", "ID: 77") }, TracingFormat},
	{"size of a record", func(d *damage) { d.put16(d.record(perfevent.RecordLostSamples, 0)+6, 7) }, RecordSize},
	{"unknown type", func(d *damage) { d.put32(d.record(recFinishedInit, 0), 23) }, RecordType},
	{"unknown private type", func(d *damage) { d.put32(d.record(recFinishedInit, 0), 100) }, RecordType},
	{"record of pipe mode", func(d *damage) { d.put32(d.record(recFinishedInit, 0), 64) }, RecordType},
	{"CPU mode", func(d *damage) { d.put16(d.record(perfevent.RecordSample, 0)+4, 7) }, RecordMisc},
	{"sample without CPU mode", func(d *damage) { d.put16(d.record(perfevent.RecordSample, 0)+4, 0) }, RecordMisc},
	{"misc of a throttle", func(d *damage) { d.put16(d.record(perfevent.RecordThrottle, 0)+4, 1<<13) }, RecordMisc},
	{"misc of a round", func(d *damage) { d.put16(d.record(recFinishedRound, 0)+4, 1) }, RecordMisc},
	{"callchain that is too long", func(d *damage) { d.put64(d.record(perfevent.RecordSample, 20)+48, 4) }, RecordBody},
	{"callchain that is too short", func(d *damage) { d.put64(d.record(perfevent.RecordSample, 20)+48, 2) }, RecordBody},
	{"build id of a map", func(d *damage) { d.b[d.record(perfevent.RecordMmap2, 0)+8+32] = 24 }, MapBuildID},
	{"build id that nobody asked for", func(d *damage) { d.put16(d.record(perfevent.RecordMmap2, 1)+4, 0x4002) }, MapBuildID},
	{"name of a map", func(d *damage) { d.b[d.record(perfevent.RecordMmap2, 0)+8+64] = 0 }, RecordPadding},
	{"body of FINISHED_INIT", func(d *damage) { d.put32(d.record(perfevent.RecordThrottle, 0), uint32(recFinishedInit)) }, RecordBody},
	{"values of READ", func(d *damage) {
		at := d.attr(0) + 32
		d.put64(at, d.u64(at)|uint64(perfevent.FormatTotalTimeEnabled))
		d.desc(0, 32, uint32(d.u64(at)))
	}, RecordBody},
	{"padding of a name", func(d *damage) { d.b[d.record(perfevent.RecordComm, 0)+8+8+7] = 1 }, RecordPadding},
	{"event of a sample", func(d *damage) { d.put64(d.record(perfevent.RecordSample, 20)+8, 99) }, RecordID},
	{"event of a record", func(d *damage) { at := d.record(perfevent.RecordExit, 0); d.put64(at+d.size(at)-8, 99) }, RecordID},
	{"event of a throttle", func(d *damage) { d.put64(d.record(perfevent.RecordThrottle, 0)+16, 99) }, RecordID},
	{"event of lost samples", func(d *damage) { at := d.record(perfevent.RecordLostSamples, 0); d.put64(at+d.size(at)-8, 99) }, LostID},
	{"lost samples of none", func(d *damage) { at := d.record(perfevent.RecordLostSamples, 0); d.put64(at+d.size(at)-8, 0) }, LostID},
	{"no rounds", func(d *damage) { d.noRounds() }, RoundMissing},
	{"record older than its round", func(d *damage) { d.put64(d.record(perfevent.RecordSample, 50)+32, 1005) }, RoundOrder},
	{"stale table", func(d *damage) { d.put64(d.record(recFinishedRound, 1)+8, 1<<40) }, RoundBody},
	{"unknown thread", func(d *damage) { d.put32(d.record(perfevent.RecordSample, 20)+28, 70) }, CommMissing},
	{"thread before its birth", func(d *damage) {
		at := d.record(perfevent.RecordFork, 0)
		d.put64(at+d.size(at)-24, 1055)
		at = d.record(perfevent.RecordComm, 2)
		d.put64(at+d.size(at)-24, 1055)
		d.put32(d.record(perfevent.RecordSample, 6)+24, 7)
	}, CommMissing},
	{"unknown process", func(d *damage) { d.put32(d.record(perfevent.RecordSample, 20)+24, 70) }, MapMissing},
	{"late map", func(d *damage) { d.swap(d.record(recFinishedInit, 0), d.record(perfevent.RecordMmap2, 0)) }, LateSynthesis},
	{"stray bytes", func(d *damage) { d.retable([]byte("1234"), nil) }, DataEnd},
	{"record over the end", func(d *damage) { d.put16(d.lastRound()+6, 16) }, DataEnd},
	{"sample over the end", func(d *damage) { d.retable(lostRecord(11)[:16], nil) }, DataEnd},
	{"bytes at the end", func(d *damage) { d.b = append(d.b, "12345678"...) }, Trailing},
	{"padding at the end", func(d *damage) { d.b = append(d.b, 1) }, Trailing},
	{"round over the end", func(d *damage) { d.put16(d.lastRound()+6, uint16((len(d.b)-d.lastRound()+7)&^7)); d.pad() }, Unfinished},
}

func TestFileDamage(t *testing.T) {
	base := file(t, perfdata.Options{NoCompress: true}).data
	for _, test := range fileDamage {
		t.Run(test.name, func(t *testing.T) {
			d := &damage{b: bytes.Clone(base)}
			test.do(d)
			if bytes.Equal(d.b, base) {
				t.Fatal("nothing is damaged")
			}
			expect(t, d.b, test.want)
		})
	}
}

// packedDamage is done to the compressed recording in file mode.
var packedDamage = []struct {
	name string
	do   func(d *damage)
	want What
}{
	{"version", func(d *damage) { d.put32(d.feature(featCompressed), 2) }, Compression},
	{"type", func(d *damage) { d.put32(d.feature(featCompressed)+4, 2) }, Compression},
	{"level", func(d *damage) { d.put32(d.feature(featCompressed)+8, 23) }, Compression},
	{"length that is no pages", func(d *damage) { d.put32(d.feature(featCompressed)+16, 65535) }, Compression},
	{"no section", func(d *damage) { d.rename(featCompressed, 26) }, Compression},
}

func TestPackedDamage(t *testing.T) {
	base := file(t, perfdata.Options{}).data
	for _, test := range packedDamage {
		t.Run(test.name, func(t *testing.T) {
			d := &damage{b: bytes.Clone(base)}
			test.do(d)
			expect(t, d.b, test.want)
		})
	}
}

// pipeDamage is done to the recording in pipe mode.
var pipeDamage = []struct {
	name   string
	packed []int
	do     func(p *pipe)
	want   What
}{
	{"attribute's size", nil, func(p *pipe) {
		for i, a := range p.attrs {
			p.attrs[i] = slices.Insert(a, perfevent.AttrSizeVer3, make([]byte, 8)...)
			le.PutUint32(p.attrs[i][4:], perfevent.AttrSizeVer4)
		}
	}, AttrSize},
	{"attribute's end", nil, func(p *pipe) {
		p.attrs = append(p.attrs, p.attrs[0][:80])
	}, AttrEntries},
	{"attribute without size", nil, func(p *pipe) {
		a := bytes.Clone(p.attrs[0])
		a[4] = 0
		p.attrs = append(p.attrs, a)
	}, AttrEntries},
	{"padding of an attribute", nil, func(p *pipe) {
		for i, a := range p.attrs {
			a = slices.Insert(a, perfevent.AttrSizeVer3, make([]byte, 24)...)
			le.PutUint32(a[4:], perfevent.AttrSizeVer6)
			a[116], a[110+i] = 1, 1
			p.attrs[i] = a
		}
	}, AttrReserved},
	{"events that differ", nil, func(p *pipe) {
		a := bytes.Clone(p.attrs[0][:perfevent.AttrSizeVer3+8])
		a[26], a[24], a[perfevent.AttrSizeVer3] = 0, a[24]|1<<6, 31
		p.attrs = append(p.attrs, a)
	}, AttrLayout},
	{"no ids", nil, func(p *pipe) { p.attrs = append(p.attrs, p.attrs[0][:perfevent.AttrSizeVer3]) }, EventIDs},
	{"same ids", nil, func(p *pipe) { p.attrs = append(p.attrs, p.attrs[0]) }, EventIDs},
	{"no arguments", nil, func(p *pipe) { p.frame = append(p.frame, feature(11, words(0))) }, CommandLine},
	{"feature of nobody", nil, func(p *pipe) { p.frame = append(p.frame, feature(200, words(0))) }, VendorBit},
	{"feature's length", nil, func(p *pipe) {
		p.frame = append(p.frame, feature(3, append([]byte("\x04\x00\x00\x00abc\x00"), words(1)...)))
	}, FeatureLength},
	{"first record", nil, func(p *pipe) { p.lead = p.frame[len(p.frame)-1] }, PipeStart},
	{"kind of update", nil, func(p *pipe) { p.frame[0][8] = 9 }, EventUpdate},
	{"description of another event", nil, func(p *pipe) {
		p.frame = append(p.frame, ownUpdates(21, nil)...)
		p.frame[1][16] = 21
	}, EventUpdate},
	{"description without its end", nil, func(p *pipe) { p.frame = slices.Delete(p.frame, 2, 3) }, OwnFeature},
	{"description with more", nil, func(p *pipe) {
		p.frame = append(p.frame, ownUpdates(11, []byte("behind it"))...)
	}, FeatureLength},
	{"description behind samples", nil, func(p *pipe) {
		p.records = append(p.records, p.frame[1:3]...)
		p.frame = slices.Delete(p.frame, 1, 3)
	}, OwnFeature},
	{"event of update", nil, func(p *pipe) { p.frame[0][16] = 99 }, EventUpdate},
	{"round with a body", nil, func(p *pipe) { p.records = append(p.records, record(recFinishedRound, words(0)...)) }, RoundBody},
	{"no tracing data", nil, func(p *pipe) { p.tracing = nil }, TracingFormat},
	{"short tracing data", nil, func(p *pipe) { p.tracing = p.tracing[:len(p.tracing)-16] }, TracingData},
	{"tracing data not padded", nil, func(p *pipe) {
		n := uint64(len(p.tracing))
		p.frame = append(p.frame, slices.Concat(record(recTracingData, words(n)...), p.tracing))
		p.tracing = nil
	}, PipeTracing},
	{"lost records of nobody", nil, func(p *pipe) { p.records = append(p.records, lostRecord(99)) }, LostID},
	{"record not aligned", nil, func(p *pipe) { p.frame = append(p.frame, record(79, 1, 2, 3, 4)) }, RecordAlign},
	{"yield of too much", []int{100}, func(p *pipe) { p.mmapLen = 4096 }, ZstdYield},
	{"yield of nothing", []int{100}, func(p *pipe) {
		p.edit = func(packed [][]byte) [][]byte {
			payload := packed[1][16 : 16+le.Uint64(packed[1][8:])]
			return [][]byte{packed[0], compressed2(payload[:9]), compressed2(payload[9:])}
		}
	}, ZstdYield},
	{"payload", []int{100}, func(p *pipe) {
		p.edit = func(packed [][]byte) [][]byte { packed[0][16] = 0; return packed }
	}, ZstdStream},
	{"end of the payloads", []int{100, 700}, func(p *pipe) {
		p.edit = func(packed [][]byte) [][]byte { return packed[:2] }
	}, ZstdStream},
	{"payload's size", []int{100}, func(p *pipe) {
		p.edit = func(packed [][]byte) [][]byte { return append(packed, record(recCompressed2, words(9)...)) }
	}, RecordBody},
	{"nested", []int{100}, func(p *pipe) { p.records = append(p.records, record(recCompressed, words(0)...)) }, RecordType},
	{"size of a compressed record", []int{100}, func(p *pipe) {
		p.records = append(p.records, []byte{68, 0, 0, 0, 0, 0, 7, 0})
	}, RecordSize},
}

func lostRecord(id uint64) []byte {
	return side(session().Events[0], &perfevent.Lost{ID: id, Lost: 3}, 0, 11, 2000)
}

func TestPipeDamage(t *testing.T) {
	for _, test := range pipeDamage {
		t.Run(test.name, func(t *testing.T) {
			p := pipeOf(t)
			p.packed = test.packed
			test.do(p)
			expect(t, p.bytes(t), test.want)
		})
	}
}

type brokenReader struct{ n int64 }

func (r brokenReader) ReadAt(b []byte, off int64) (int, error) {
	if off+int64(len(b)) > r.n {
		return 0, errors.New("broken")
	}
	return copy(b, make([]byte, len(b))), nil
}

// TestReadFailed: errors of the file are findings.
func TestReadFailed(t *testing.T) {
	got := Check(brokenReader{}, 1000)
	if len(got) != 1 || got[0].What != ReadFailed {
		t.Errorf("%v", got)
	}
	b := file(t, perfdata.Options{}).data
	got = Check(io.NewSectionReader(bytes.NewReader(b), 0, 2000), int64(len(b)))
	if len(got) == 0 || got[0].What != ReadFailed && !slices.ContainsFunc(got, func(f Finding) bool { return f.What == ReadFailed }) {
		t.Errorf("%v", got)
	}
}

// TestAllProven: each kind of finding is proven by some damage.
func TestAllProven(t *testing.T) {
	proven := map[What]bool{ReadFailed: true}
	for _, test := range fileDamage {
		proven[test.want] = true
	}
	for _, test := range packedDamage {
		proven[test.want] = true
	}
	for _, test := range pipeDamage {
		proven[test.want] = true
	}
	for w := What(1); w <= Trailing; w++ {
		if !proven[w] || w.String() == "" {
			t.Errorf("no damage proves %d, %v", w, w)
		}
	}
}

// TestClosed: no decompressor is left, also where records are compressed before
// any attribute.
func TestClosed(t *testing.T) {
	p := pipeOf(t)
	p.packed, p.attrs = []int{100}, nil
	b := p.bytes(t)
	before := runtime.NumGoroutine()
	for range 20 {
		check(b)
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines, %d before", n, before)
	}
}
