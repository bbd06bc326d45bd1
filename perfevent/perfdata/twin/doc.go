// Package twin turns a recording into text and back, byte for byte.
//
// The text has one line for each part of the file, in the order of the file, so
// that the parts of a text put one behind the other are the bytes of the file:
//
//	@0x0 header order=little magic="PERFILE2" size=104 attr_size=152 attrs=0x80+0x98 data=0x118+0x18 event_types=0+0 features=HOSTNAME
//	@0x68 ids event=0 values=7 8 9
//	@0x80 attr type=1 size=136 sample_period=1000 sample_type=IP|TID read_format=0x0 flags=0x0 ids=0x68+0x18
//	@0x118 data
//	@0x118 SAMPLE misc=user ip=0x401126 pid=12 tid=12
//	@0x130 feature_table
//	  HOSTNAME=0x140+0x44
//	@0x140 feature HOSTNAME value="box"
//	@0x184 bytes 0001ff
//
// A line is a place, a word, and fields of a name and values. An indented line
// continues the one before it; "#" starts a comment; lines that start with "|"
// are information, too: the records that came out of a COMPRESSED record.
// Numbers are decimal, negative or with 0x; strings are quoted as in Go; bytes
// are hex digits or quoted strings; a line "bytes" may have zeros=N behind them.
// Fields that are missing are zero.
//
// What a text need not say: places (they are checked where they stand before
// ids, attr, data, feature_table and feature), sizes and counts, which follow
// from the fields. The place of a section may be "auto"; the section reaches to
// the next line of another section, whatever records and bytes stand between.
// These say what does not follow:
//
//	record_size=40  the size in a record's header, where it is not that of its bytes
//	name="box"/12   the room of a string in bytes, where it is not the usual one
//	cut=3           bytes that the end of the fields lacks
//	tail=00ff       bytes behind the known fields
//	fix=0x1c:00ff   bytes at a distance from the start of the line's bytes
//	hex=00ff        in place of all fields: the bytes as they are
//	event=2         the event whose attribute lays the record out; without it, the id decides
//
// A line COMPRESSED records has behind it lines of records that start with "+";
// Parse compresses them.
package twin
