package debuginfo

import (
	"debug/elf"
	"errors"
	"fmt"
	"sort"
	"sync"

	"gorecord/symbolize"
)

// ErrNoFrames says that a file has neither .eh_frame nor .debug_frame.
var ErrNoFrames = errors.New("no call frame information")

// Frames is the call frame information of a file (.eh_frame, .debug_frame), as
// far as it says where the caller's frame begins. It is safe for concurrent
// use.
type Frames struct {
	main, info *object
	owned      bool

	mu   sync.Mutex
	read bool
	fdes []fde // by start
}

// fde says how to unwind from a range of addresses.
type fde struct {
	Range
	cie          *cie
	instructions cursor
}

// cie is what several fdes have in common.
type cie struct {
	codeAlign, dataAlign int64
	encoding             uint8 // of pointers
	augmented            bool
	instructions         cursor
	base                 section
}

// section is the bytes of a section and the address they are loaded at.
type section struct {
	b    []byte
	addr uint64
	eh   bool
	size int // of addresses
}

// OpenFrames reads the call frame information of an ELF file, which programs
// have without debug information, too. The caller must Close it. The error
// matches ErrNoFrames where there is none.
func OpenFrames(path string) (*Frames, error) {
	main, err := openObject(path)
	if err != nil {
		return nil, err
	}
	if !main.has("eh_frame") && !main.has("debug_frame") {
		main.close()
		return nil, fmt.Errorf("read frames of %s: %w", path, ErrNoFrames)
	}
	fr := newFrames(main, main)
	fr.owned = true
	return fr, nil
}

func newFrames(main, info *object) *Frames { return &Frames{main: main, info: info} }

// Close gives the memory back. It may be called again.
func (fr *Frames) Close() error {
	fr.mu.Lock()
	defer fr.mu.Unlock()
	fr.fdes, fr.read = nil, true
	if !fr.owned {
		return nil
	}
	fr.owned = false
	return fr.main.close()
}

// CFA says where the caller's frame begins when the instruction at pc is about
// to be executed: offset bytes above what the register holds (by its DWARF
// number). The return address lies in the 8 bytes below it on x86-64. ok is
// false where that is not known, or is no sum of a register and a number.
func (fr *Frames) CFA(pc symbolize.VirtAddr) (reg int, offset int64, ok bool) {
	t, reason := fr.cfa(pc)
	if reason != "" {
		return 0, 0, false
	}
	if len(t.Steps) > 0 {
		offset = t.Steps[0].Add
	}
	return t.Base, offset, true
}

// CFA is that of [Frames.CFA].
func (f *File) CFA(pc symbolize.VirtAddr) (reg int, offset int64, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return 0, 0, false
	}
	return f.frames.CFA(pc)
}

func (f *File) cfa(pc symbolize.VirtAddr) (term, string) { return f.frames.cfa(pc) }

const noFrame = "there is no call frame information at this address"

func (fr *Frames) cfa(pc symbolize.VirtAddr) (t term, reason string) {
	fr.mu.Lock()
	defer fr.mu.Unlock()
	defer func() {
		if recover() != nil {
			t, reason = term{}, "the call frame information is damaged"
		}
	}()
	fr.load()
	i := sort.Search(len(fr.fdes), func(i int) bool { return fr.fdes[i].Start > pc }) - 1
	if i < 0 || fr.fdes[i].End <= pc {
		return term{}, noFrame
	}
	return fr.fdes[i].cfa(pc)
}

// load finds all FDEs. Those of .eh_frame come first where both sections have
// one.
func (fr *Frames) load() {
	if fr.read {
		return
	}
	fr.read = true
	seen := map[string]bool{}
	for _, o := range []*object{fr.main, fr.info} {
		for _, name := range []string{"eh_frame", "debug_frame"} {
			s, _ := o.find(name)
			if s == nil || seen[name] {
				continue
			}
			seen[name] = true
			b := o.section(name)
			size := 8
			if o.elf.Class == elf.ELFCLASS32 {
				size = 4
			}
			fr.parse(section{b: b, addr: s.Addr, eh: name == "eh_frame", size: size})
		}
	}
	sort.SliceStable(fr.fdes, func(i, j int) bool { return fr.fdes[i].Start < fr.fdes[j].Start })
}

// parse reads the CIEs and FDEs of a section.
func (fr *Frames) parse(s section) {
	cies := map[int]*cie{}
	for at := 0; at < len(s.b); {
		c := cursor{b: s.b, pos: at}
		length, dwarf64 := uint64(c.u32()), false
		if length == 0xffffffff {
			dwarf64 = true
			length = c.u64()
		}
		if c.bad || length > uint64(c.left()) {
			return
		}
		next := c.pos + int(length)
		if length > 0 {
			fr.record(s, cies, cursor{b: s.b[:next], pos: c.pos}, at, dwarf64)
		}
		at = next
	}
}

// record reads one CIE or FDE, the cursor behind its length.
func (fr *Frames) record(s section, cies map[int]*cie, c cursor, at int, dwarf64 bool) {
	idAt := c.pos
	id := c.offset(dwarf64 && !s.eh)
	isCIE := id == 0
	if !s.eh {
		isCIE = id == 0xffffffff && !dwarf64 || dwarf64 && id == 0xffffffffffffffff
	}
	if isCIE {
		cies[at] = s.cie(c)
		return
	}
	where := id
	if s.eh {
		where = uint64(idAt) - id
	}
	if where >= uint64(len(s.b)) {
		return
	}
	common, known := cies[int(where)]
	if !known {
		common = s.cieAt(int(where))
		cies[int(where)] = common
	}
	if common == nil {
		return
	}
	start := s.pointer(&c, common.encoding)
	size := s.pointer(&c, common.encoding&0x0f)
	if common.augmented {
		c.skip(c.uleb())
	}
	if c.bad || start == 0 || size == 0 || start+size < start {
		return
	}
	r := Range{symbolize.VirtAddr(start), symbolize.VirtAddr(start + size)}
	fr.fdes = append(fr.fdes, fde{Range: r, cie: common, instructions: c})
}

// cieAt reads a CIE that FDEs before it refer to.
func (s section) cieAt(off int) *cie {
	c := cursor{b: s.b, pos: off}
	length, dwarf64 := uint64(c.u32()), false
	if length == 0xffffffff {
		dwarf64 = true
		length = c.u64()
	}
	if c.bad || length > uint64(c.left()) {
		return nil
	}
	c.b = c.b[:c.pos+int(length)]
	c.offset(dwarf64 && !s.eh)
	return s.cie(c)
}

// cie reads a CIE, the cursor behind its id; nil where it is not understood.
func (s section) cie(c cursor) *cie {
	version := c.u8()
	if version != 1 && version != 3 && version != 4 {
		return nil
	}
	augmentation := c.string()
	r := &cie{base: s}
	if version == 4 {
		if int(c.u8()) != s.size || c.u8() != 0 {
			return nil
		}
	}
	r.codeAlign, r.dataAlign = int64(c.uleb()), c.sleb()
	if version == 1 {
		c.u8()
	} else {
		c.skipLEB()
	}
	for i := range len(augmentation) {
		switch augmentation[i] {
		case 'z':
			r.augmented = true
			n := c.uleb()
			if n > uint64(c.left()) {
				return nil
			}
			r.instructions = cursor{b: c.b, pos: c.pos + int(n)}
		case 'R':
			r.encoding = c.u8()
		case 'P':
			s.pointer(&c, c.u8()&0x7f)
		case 'L':
			c.u8()
		case 'S', 'B', 'G':
		default:
			if !r.augmented {
				return nil
			}
		}
	}
	if !r.augmented {
		r.instructions = c
	}
	if c.bad {
		return nil
	}
	return r
}

// pointer reads an encoded pointer (DW_EH_PE_*).
func (s section) pointer(c *cursor, encoding uint8) uint64 {
	at := s.addr + uint64(c.pos)
	var v uint64
	switch encoding & 0x0f {
	case 0x00: // absptr
		v = c.uint(s.size)
	case 0x01:
		v = c.uleb()
	case 0x02:
		v = uint64(c.u16())
	case 0x03:
		v = uint64(c.u32())
	case 0x04, 0x0c:
		v = c.u64()
	case 0x09:
		v = uint64(c.sleb())
	case 0x0a:
		v = uint64(int16(c.u16()))
	case 0x0b:
		v = uint64(int32(c.u32()))
	default:
		c.fail()
	}
	switch encoding & 0x70 {
	case 0x00:
	case 0x10: // pcrel
		v += at
	default:
		c.fail()
	}
	return v
}

// frameRule says where the caller's frame begins; expression where a rule is one.
type frameRule struct {
	reg        uint64
	offset     int64
	expression bool
}

// unwinder runs call frame instructions up to an address.
type unwinder struct {
	cie    *cie
	at, pc uint64
	rule   frameRule
	saved  []frameRule
	reason string
}

func (d *fde) cfa(pc symbolize.VirtAddr) (term, string) {
	m := unwinder{cie: d.cie, at: uint64(d.Start), pc: uint64(pc)}
	m.run(d.cie.instructions)
	m.run(d.instructions)
	switch {
	case m.reason != "":
		return term{}, m.reason
	case m.rule.expression:
		return term{}, "the call frame information has an expression here"
	case m.rule.reg > maxRegister:
		return term{}, "the call frame information is damaged"
	}
	return term{Address: Address{Base: int(m.rule.reg)}}.add(m.rule.offset), ""
}

// maxSaved bounds DW_CFA_remember_state; compilers nest one or two.
const maxSaved = 256

func (m *unwinder) run(c cursor) {
	for c.left() > 0 && m.reason == "" && m.at <= m.pc {
		op := c.u8()
		switch op & 0xc0 {
		case 0x40: // DW_CFA_advance_loc
			m.at += uint64(op&0x3f) * uint64(m.cie.codeAlign)
		case 0x80: // DW_CFA_offset
			c.skipLEB()
		case 0xc0: // DW_CFA_restore
		default:
			m.step(&c, op)
		}
		if c.bad {
			m.reason = "the call frame information is damaged"
		}
	}
}

func (m *unwinder) step(c *cursor, op uint8) {
	switch op {
	case 0x00: // DW_CFA_nop
	case 0x01: // DW_CFA_set_loc
		m.at = m.cie.base.pointer(c, m.cie.encoding)
	case 0x02: // DW_CFA_advance_loc1
		m.at += uint64(c.u8()) * uint64(m.cie.codeAlign)
	case 0x03: // DW_CFA_advance_loc2
		m.at += uint64(c.u16()) * uint64(m.cie.codeAlign)
	case 0x04: // DW_CFA_advance_loc4
		m.at += uint64(c.u32()) * uint64(m.cie.codeAlign)
	case 0x0a: // DW_CFA_remember_state
		if len(m.saved) >= maxSaved {
			m.reason = "the call frame information is damaged"
			return
		}
		m.saved = append(m.saved, m.rule)
	case 0x0b: // DW_CFA_restore_state
		if n := len(m.saved); n > 0 {
			m.rule, m.saved = m.saved[n-1], m.saved[:n-1]
		}
	case 0x0c: // DW_CFA_def_cfa
		m.rule = frameRule{reg: c.uleb()}
		m.rule.offset = int64(c.uleb())
	case 0x0d: // DW_CFA_def_cfa_register
		m.rule.reg, m.rule.expression = c.uleb(), false
	case 0x0e: // DW_CFA_def_cfa_offset
		m.rule.offset = int64(c.uleb())
	case 0x0f: // DW_CFA_def_cfa_expression
		c.skip(c.uleb())
		m.rule.expression = true
	case 0x12: // DW_CFA_def_cfa_sf
		m.rule = frameRule{reg: c.uleb()}
		m.rule.offset = c.sleb() * m.cie.dataAlign
	case 0x13: // DW_CFA_def_cfa_offset_sf
		m.rule.offset = c.sleb() * m.cie.dataAlign
	default:
		m.skip(c, op)
	}
}

// skip steps over the rules of registers, which do not matter here.
func (m *unwinder) skip(c *cursor, op uint8) {
	switch op {
	case 0x05, 0x09, 0x11, 0x14, 0x15, 0x2f: // offset_extended(_sf), register, val_offset(_sf), GNU_negative_offset
		c.skipLEB()
		c.skipLEB()
	case 0x06, 0x07, 0x08, 0x2e: // restore_extended, undefined, same_value, GNU_args_size
		c.skipLEB()
	case 0x10, 0x16: // expression, val_expression
		c.skipLEB()
		c.skip(c.uleb())
	case 0x2d: // AARCH64_negate_ra_state, or GNU_window_save
	default:
		m.reason = fmt.Sprintf("the call frame information has instruction %#x, which is not known", op)
	}
}
