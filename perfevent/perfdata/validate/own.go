package validate

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
)

// What only gorecord writes: the description of probes, a feature section in
// files. Streams carry it in EVENT_UPDATE records of the first event, of a kind
// that perf passes over; their texts make up the section.
const (
	featProbes   = 224
	updateProbes = 0x676f7265636f7264 // "gorecord"
	ownMagic     = "gorecord"
	ownVersion   = 1
	ownMost      = 64 << 20 // of text
)

// probes checks a description of probes: magic, version, JSON packed by gzip
// with its events, each once, and nothing behind but padding to whole words.
func (c *checker) probes(f *fields, at int64) {
	if string(f.take(uint64(len(ownMagic)))) != ownMagic && !f.short {
		c.add(at, OwnFeature, "without the magic")
	}
	if v := f.u32(); v != ownVersion && !f.short {
		c.add(at, OwnFeature, "version %d", v)
	}
	if f.short {
		return
	}
	packed := bytes.NewReader(f.b)
	text, err := gunzip(packed)
	if err != nil {
		c.add(at, OwnFeature, "%v", err)
		f.b = nil
		return
	}
	f.b = f.b[len(f.b)-packed.Len():]
	var content struct {
		Events []struct {
			Name string `json:"name"`
		} `json:"events"`
	}
	if err := json.Unmarshal(text, &content); err != nil {
		c.add(at, OwnFeature, "%v", err)
		return
	}
	seen := map[string]bool{}
	for i, e := range content.Events {
		if e.Name == "" || seen[e.Name] {
			c.add(at, OwnFeature, "event %d has no name, or that of another: %q", i, e.Name)
		}
		seen[e.Name] = true
	}
}

// gunzip unpacks one member, and leaves what follows it unread.
func gunzip(r *bytes.Reader) ([]byte, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	z.Multistream(false)
	return io.ReadAll(io.LimitReader(z, ownMost))
}

// ownUpdate takes a part of the description of probes.
func (c *checker) ownUpdate(id uint64, part []byte, at int64) {
	if c.probesParts == nil {
		c.probesAt = at
	}
	if e := c.byID[id]; e == nil || e != c.events[0] {
		c.add(at, EventUpdate, "a description of probes for event id %d, which is not the first's", id)
	}
	if c.samples {
		c.add(at, OwnFeature, "behind samples, which readers of streams have shown by then")
	}
	c.probesParts = append(c.probesParts, part...)
}

// finishOwn checks the description of probes of a stream.
func (c *checker) finishOwn() {
	if c.probesParts != nil {
		c.feature(featProbes, c.probesParts, c.probesAt)
	}
}
