package perfdata

import (
	"bytes"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"gorecord/perfevent"
)

const (
	// chunkSize is the most bytes that go into one COMPRESSED record. What a
	// flush of the compressor makes of them must fit into a record even
	// where they do not compress, for a record that ends inside a block
	// yields no bytes, which perf takes for the end of the file.
	chunkSize = mmapLen - 512

	// emptyBlock is a zstd block without content (RFC 8878, 3.1.1.2: raw, not
	// the last, size 0). Up to seven of them pad a COMPRESSED record to a
	// multiple of eight bytes in a way that every decompressor understands.
	emptyBlock = "\x00\x00\x00"

	// frameBytes of records begin a new zstd frame. A damaged place in the file
	// costs what is left of its frame, for blocks refer to those before them.
	frameBytes = 4 << 20

	// mmapLen is the most bytes that a COMPRESSED record may yield, as the
	// file says. perf 7 wants whole pages.
	mmapLen = 64 << 10

	// zstdWindow is how far back the compressor looks, and what a reader has
	// to keep.
	zstdWindow = 1 << 20

	defaultLevel = 3
)

// compressor turns chunks into COMPRESSED records, whose payloads together are
// zstd frames, one behind the other.
type compressor struct {
	enc     *zstd.Encoder
	buf     bytes.Buffer
	level   int
	frame   int // bytes in the current frame
	in, out uint64
}

func newCompressor(level int) (*compressor, error) {
	if level == 0 {
		level = defaultLevel
	}
	if level < 1 || level > 22 {
		return nil, fmt.Errorf("compression level %d: levels are 1 to 22", level)
	}
	c := &compressor{level: level}
	enc, err := zstd.NewWriter(&c.buf,
		zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)),
		zstd.WithWindowSize(zstdWindow),
		zstd.WithEncoderCRC(false),
		zstd.WithEncoderConcurrency(1),
		zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("set up compression: %w", err)
	}
	c.enc = enc
	return c, nil
}

// appendRecord appends one COMPRESSED record that yields the chunk. Its size is
// a multiple of eight. whole says that the chunk ends with a whole record, so
// that a frame may end with it.
func (c *compressor) appendRecord(dst, chunk []byte, whole bool) ([]byte, error) {
	c.buf.Reset()
	c.frame += len(chunk)
	if _, err := c.enc.Write(chunk); err != nil {
		return dst, fmt.Errorf("compress records: %w", err)
	}
	if err := c.flush(whole && c.frame >= frameBytes); err != nil {
		return dst, fmt.Errorf("compress records: %w", err)
	}
	size := perfevent.HeaderSize + c.buf.Len()
	if size > perfevent.MaxRecordSize {
		return dst, fmt.Errorf("compress records: %d bytes became %d, more than a record holds", len(chunk), c.buf.Len())
	}
	c.in += uint64(len(chunk))
	c.out += uint64(size)
	dst = perfevent.AppendHeader(dst, RecordCompressed, 0, size)
	return append(dst, c.buf.Bytes()...), nil
}

// flush brings what was written out, and ends the frame where last is set. perf
// up to 6.12 wants one call of its decompressor for each record: there must be
// nothing behind the end of a frame.
func (c *compressor) flush(last bool) error {
	if err := c.enc.Flush(); err != nil {
		return err
	}
	end := 0
	if last {
		end = len(emptyBlock) // Close writes the last block, which is empty
	}
	for (c.buf.Len()+end)%8 != 0 {
		c.buf.WriteString(emptyBlock)
	}
	if !last {
		return nil
	}
	if err := c.enc.Close(); err != nil {
		return err
	}
	if c.buf.Len()%8 != 0 {
		return fmt.Errorf("the end of a frame makes %d bytes", c.buf.Len())
	}
	c.enc.Reset(&c.buf)
	c.frame = 0
	return nil
}
