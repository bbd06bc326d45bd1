package debuginfo

import "fmt"

// attrSpec is an attribute of an abbreviation.
type attrSpec struct {
	at, form uint16
	implicit int64 // the value of DW_FORM_implicit_const
}

// abbrev says which attributes entries with its code have.
type abbrev struct {
	tag      uint16
	children bool
	known    bool
	// fixed is the size of all attributes, -1 where it depends on their values.
	fixed int
	attrs []attrSpec
}

// abbrevTable has the abbreviations of a unit. Compilers count codes from 1.
type abbrevTable struct {
	dense  []abbrev
	sparse map[uint64]abbrev
}

func (t *abbrevTable) get(code uint64) *abbrev {
	if code < uint64(len(t.dense)) && t.dense[code].known {
		return &t.dense[code]
	}
	if a, ok := t.sparse[code]; ok {
		return &a
	}
	return nil
}

func (t *abbrevTable) put(code uint64, a abbrev) {
	if code == uint64(len(t.dense)) {
		t.dense = append(t.dense, a)
		return
	}
	if t.get(code) != nil {
		return
	}
	if t.sparse == nil {
		t.sparse = map[uint64]abbrev{}
	}
	t.sparse[code] = a
}

// abbrevKey names a table: sizes of entries depend on the unit's format.
type abbrevKey struct {
	off      uint64
	version  int
	addrSize int
	dwarf64  bool
}

// abbrevTable reads the table of a unit. Each part of the section belongs to one
// table; hostile files whose tables overlap would cost the square of their
// size, so what is read in all is bounded.
func (f *File) abbrevTable(u *unit) (*abbrevTable, error) {
	key := abbrevKey{u.abbrevOff, u.version, u.addrSize, u.dwarf64}
	if t, ok := f.abbrevs[key]; ok {
		return t, nil
	}
	section := f.info.section("debug_abbrev")
	if u.abbrevOff >= uint64(len(section)) {
		return nil, fmt.Errorf("abbreviations at %#x lie behind the section's end", u.abbrevOff)
	}
	if f.abbrevRead > 4*len(section)+1<<16 {
		return nil, fmt.Errorf("tables of abbreviations overlap")
	}
	c := cursor{b: section, pos: int(u.abbrevOff)}
	t := &abbrevTable{dense: make([]abbrev, 1, 64)}
	for {
		code := c.uleb()
		if code == 0 || c.bad {
			break
		}
		a := abbrev{tag: narrow(c.uleb()), children: c.u8() != 0, known: true}
		for {
			spec := attrSpec{at: narrow(c.uleb()), form: narrow(c.uleb())}
			if spec.form == formImplicit {
				spec.implicit = c.sleb()
			}
			if spec.at == 0 && spec.form == 0 || c.bad {
				break
			}
			size := u.formSize(spec.form)
			if size < 0 || a.fixed < 0 {
				a.fixed = -1
			} else {
				a.fixed += size
			}
			a.attrs = append(a.attrs, spec)
		}
		t.put(code, a)
	}
	f.abbrevRead += c.pos - int(u.abbrevOff)
	if c.bad {
		return nil, fmt.Errorf("abbreviations at %#x are cut off", u.abbrevOff)
	}
	f.abbrevs[key] = t
	return t, nil
}

// narrow maps numbers that no tag, attribute or form has to one of those.
func narrow(v uint64) uint16 { return uint16(min(v, 0xffff)) }

// formSize is the size of an attribute's bytes, -1 where they tell it.
func (u *unit) formSize(form uint16) int {
	switch form {
	case formFlagPresent, formImplicit:
		return 0
	case formData1, formRef1, formFlag, formStrx1, formAddrx1:
		return 1
	case formData2, formRef2, formStrx2, formAddrx2:
		return 2
	case formStrx3, formAddrx3:
		return 3
	case formData4, formRef4, formStrx4, formAddrx4, formRefSup4:
		return 4
	case formData8, formRef8, formRefSig8, formRefSup8:
		return 8
	case formData16:
		return 16
	case formAddr:
		return u.addrSize
	case formStrp, formSecOffset, formLineStrp, formStrpSup, formGNURefAlt, formGNUStrpAlt:
		return u.offsetSize()
	case formRefAddr:
		if u.version <= 2 {
			return u.addrSize
		}
		return u.offsetSize()
	}
	return -1
}

// skipForm steps over an attribute whose size its bytes tell.
func (u *unit) skipForm(c *cursor, form uint16) {
	if size := u.formSize(form); size >= 0 {
		c.skip(uint64(size))
		return
	}
	switch form {
	case formUdata, formSdata, formRefUdata, formStrx, formAddrx, formLoclistx, formRnglistx, formGNUAddrIndex, formGNUStrIndex:
		c.skipLEB()
	case formString:
		c.string()
	case formBlock, formExprloc:
		c.skip(c.uleb())
	case formBlock1:
		c.skip(uint64(c.u8()))
	case formBlock2:
		c.skip(uint64(c.u16()))
	case formBlock4:
		c.skip(uint64(c.u32()))
	case formIndirect:
		if form := narrow(c.uleb()); form != formIndirect && form != formImplicit {
			u.skipForm(c, form)
			return
		}
		c.fail()
	default:
		c.fail()
	}
}
