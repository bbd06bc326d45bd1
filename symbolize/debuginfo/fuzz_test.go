package debuginfo

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gorecord/symbolize"
)

// FuzzFile asks everything of a file that may be anything.
func FuzzFile(f *testing.F) {
	for _, name := range []string{"small-4-O0", "small-4-O2", "small-5-O0", "small-5-O2"} {
		b, err := os.ReadFile("testdata/programs/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if fr, err := OpenFrames(path); err == nil {
			for _, pc := range []symbolize.VirtAddr{0, 1, 0x401000, 1 << 63} {
				if reg, _, ok := fr.CFA(pc); ok && reg < 0 {
					t.Error("register", reg)
				}
			}
			fr.Close()
		}
		d, err := Open(path)
		checkError(t, err)
		if err != nil {
			return
		}
		defer d.Close()
		ask(t, d)
	})
}

func ask(t *testing.T, d *File) {
	n := 0
	for name := range d.Names() {
		if n++; n > 50 {
			break
		}
		list, err := d.Find(name)
		checkError(t, err)
		for _, fn := range list[:min(len(list), 10)] {
			askFunction(t, d, fn)
		}
	}
	for line := range 4 {
		_, err := d.LineAddrs("small.c", line)
		checkError(t, err)
	}
	_, err := d.FileLines("small.c")
	checkError(t, err)
	vars, err := d.Globals()
	checkError(t, err)
	for i := range vars[:min(len(vars), 20)] {
		checkLocation(t, d.Locate(nil, &vars[i], 0))
	}
}

// checkError: the decoders panic over nothing.
func checkError(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, errDamaged) {
		t.Error("a panic was caught")
	}
}

func askFunction(t *testing.T, d *File, fn *Function) {
	pc, ok := fn.Entry()
	if !ok && len(fn.Inlined) == 0 {
		t.Errorf("%s has neither code nor copies", fn.Name)
	}
	if ok && fn.Ranges[0].End <= pc {
		t.Errorf("%s has no code at its entry", fn.Name)
	}
	if len(fn.Inlined) > 0 {
		pc = fn.Inlined[0].Entry
	}
	d.PC(pc)
	d.FunctionLines(fn)
	if end, ok := d.PrologueEnd(fn); ok {
		pc = end
	}
	_, err := d.At(pc)
	checkError(t, err)
	vars := append(d.VarsAt(fn, pc), fn.Params...)
	for _, c := range fn.Inlined[:min(len(fn.Inlined), 5)] {
		vars = append(vars, c.Params...)
	}
	for i := range vars[:min(len(vars), 50)] {
		checkLocation(t, d.Locate(fn, &vars[i], pc))
		if typ := vars[i].Type; typ != nil {
			typ.StringParts()
			if typ.Kind == Array && typ.Count < -1 {
				t.Errorf("array of %d", typ.Count)
			}
		}
	}
}

// checkLocation: whoever reads a location can rely on this.
func checkLocation(t *testing.T, loc Location) {
	t.Helper()
	if len(loc.Pieces) == 0 {
		t.Error("a location without pieces")
	}
	for _, p := range loc.Pieces {
		switch p.Kind {
		case Missing:
			if p.Reason == "" || strings.HasSuffix(p.Reason, errDamaged.Error()) {
				t.Errorf("missing because %q", p.Reason)
			}
		case Register:
			if p.Reg < 0 {
				t.Errorf("register %d", p.Reg)
			}
		case Memory, Value:
			if p.Address.Base < -1 || len(p.Address.Steps) > maxSteps+1 {
				t.Errorf("address %+v", p.Address)
			}
		case Constant:
		default:
			t.Errorf("piece of kind %d", p.Kind)
		}
	}
}

// FuzzExpression evaluates location expressions.
func FuzzExpression(f *testing.F) {
	for _, expr := range [][]byte{
		{opFbreg, 0x70}, {opReg0 + 5}, {opBreg0 + 7, 8, opDeref, opPlusUconst, 16},
		{opEntryValue, 1, opReg0 + 5, opStackValue}, {opReg0, opPiece, 8, opReg0 + 1, opPiece, 8},
		{opAddr, 1, 2, 3, 4, 5, 6, 7, 8}, {opLit0 + 5, opStackValue}, {opImplicitValue, 2, 1, 2},
		{opConst1u, 5, opConst1s, 0xff, opMinus, opDup, opMul, opStackValue},
	} {
		f.Add(expr, int64(8))
	}
	d, err := Open("testdata/programs/small-5-O0")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { d.Close() })
	list, err := d.Find("callee")
	if err != nil || len(list) != 1 {
		f.Fatal(len(list), err)
	}
	im := list[0].unit.(*implementation)
	pc, _ := list[0].Entry()
	f.Fuzz(func(t *testing.T, expr []byte, size int64) {
		loc := context{u: im.e.u, code: im.e, pc: pc}.evaluate(expr, max(-1, size))
		checkLocation(t, loc)
	})
}
