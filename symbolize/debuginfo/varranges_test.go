package debuginfo_test

import (
	"slices"
	"testing"

	"gorecord/symbolize/debuginfo"
)

// TestVarRanges: a variable can be located where it has a range, and nowhere
// else; without lists of locations, its ranges are those of its block.
func TestVarRanges(t *testing.T) {
	for _, program := range []string{"small-4-O0", "small-5-O0", "small-4-O2", "small-5-O2"} {
		f := open(t, "testdata/programs/"+program)
		functions, err := f.Find("callee")
		if err != nil || len(functions) != 1 {
			t.Fatalf("%s: %v, %v", program, functions, err)
		}
		fn := functions[0]
		body := fn.Ranges[0]
		inBlock := false
		for pc := body.Start; pc < body.End; pc++ {
			for _, v := range f.VarsAt(fn, pc) {
				ranges := f.VarRanges(&v)
				inside := slices.ContainsFunc(ranges, func(r debuginfo.Range) bool { return pc >= r.Start && pc < r.End })
				if located := hasPlace(f.Locate(fn, &v, pc)); inside != located && len(ranges) > 0 {
					t.Errorf("%s: %s at %#x: ranges %x, located: %v", program, v.Name, pc, ranges, located)
				}
				inBlock = inBlock || v.Name == "i" && inside && ranges[0] != body
			}
		}
		// The list of the block's ranges is empty in small-4-O2, as readelf -wR says.
		if inBlock == (program == "small-4-O2") {
			t.Errorf("%s: the variable of the loop is nowhere, or everywhere", program)
		}
	}
}

// hasPlace reports whether the debug information says anything of a value.
func hasPlace(l debuginfo.Location) bool {
	return !slices.ContainsFunc(l.Pieces, func(p debuginfo.Piece) bool {
		return p.Kind == debuginfo.Missing && p.Reason == "optimized out"
	})
}

func TestUnitGlobals(t *testing.T) {
	f := open(t, "testdata/programs/small-5-O2")
	functions, err := f.Find("callee")
	if err != nil || len(functions) != 1 {
		t.Fatalf("%v, %v", functions, err)
	}
	list, err := f.UnitGlobals(functions[0])
	if err != nil || len(list) != 1 || list[0].Name != "counter" || list[0].Type.Name != "int" {
		t.Errorf("%+v, %v", list, err)
	}
	f.Close()
	if list, err := f.UnitGlobals(functions[0]); err == nil || len(list) != 0 {
		t.Errorf("a closed file: %+v, %v", list, err)
	}
}
