package gobinary

import (
	"debug/elf"
	"errors"
	"slices"
	"strings"
	"testing"

	"gorecord/symbolize"
	"gorecord/symbolize/debuginfo"
)

// assigned gives a location as places, without the bytes between fields.
func assigned(t *testing.T, l debuginfo.Location, size int64) (list []place) {
	t.Helper()
	total := int64(0)
	for _, p := range l.Pieces {
		total += p.Size
		switch p.Kind {
		case debuginfo.Register:
			list = append(list, place{p.Reg, 0, p.Size})
		case debuginfo.Memory:
			list = append(list, place{-1, p.Address.Steps[0].Add, p.Size})
		}
	}
	if total != size {
		t.Errorf("pieces of %d bytes for a value of %d", total, size)
	}
	return list
}

// wrongInDWARF are parameters whose debug information the code contradicts (Go
// 1.26, amd64 and arm64): many uses the length of last alone, which the compiler
// describes as all of it; findScavengeCandidate takes max in the fourth register.
var wrongInDWARF = map[string]string{
	"main.many": "last",
	"runtime.(*pallocData).findScavengeCandidate": "max",
}

// TestAssignAgreesWithCompiler: in every function of a program, parameters lie
// where the compiler's debug information has them as the function is entered.
func TestAssignAgreesWithCompiler(t *testing.T) {
	for _, name := range []string{"default", "arm64"} {
		t.Run(name, func(t *testing.T) {
			f := open(t, name)
			cfa := int64(0) // above the stack pointer, as a function is entered
			if f.Machine() == elf.EM_X86_64 {
				cfa = 8
			}
			var compared, generic, onStack, floats int
			for _, fn := range openDebug(t, build(t, name)).functions(t) {
				at, ok := f.At(symbolize.VirtAddr(fn.entry))
				if !ok || f.IsABI0(at) {
					continue
				}
				var types []*debuginfo.Type
				for _, p := range fn.params {
					types = append(types, p.typ)
				}
				index, hasDictionary := DictionaryIndex(fn.name)
				if hasDictionary {
					types = slices.Insert(types, index, DictionaryType)
				}
				in, _, err := Assign(f.Machine(), types, nil)
				if err != nil {
					t.Errorf("%s: %v", fn.name, err)
					continue
				}
				if hasDictionary {
					in = slices.Delete(in, index, index+1)
				}
				for i, p := range fn.params {
					want, ok := places(t, p.expr, p.typ.Size, cfa)
					if len(want) == 0 || !ok || p.name == wrongInDWARF[fn.name] {
						continue // most often a parameter that is not used
					}
					got := assigned(t, in[i], p.typ.Size)
					if !slices.Equal(merged(got), merged(want)) {
						t.Errorf("%s: parameter %s (%s): %v, the compiler says %v", fn.name, p.name, p.typ.Name, got, want)
					}
					compared++
					generic += btoi(hasDictionary)
					onStack += btoi(got[0].reg < 0)
					floats += btoi(got[0].reg > 16 && f.Machine() == elf.EM_X86_64 || got[0].reg >= 64)
				}
			}
			if compared < 1000 || generic < 3 || onStack < 1 || floats < 3 {
				t.Errorf("compared %d parameters, %d of generic functions, %d on the stack, %d in vector registers", compared, generic, onStack, floats)
			}
		})
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// merged joins pieces that follow each other on the stack.
func merged(list []place) (out []place) {
	for _, p := range list {
		if n := len(out) - 1; n >= 0 && p.reg < 0 && out[n].reg < 0 && out[n].off+out[n].size == p.off {
			out[n].size += p.size
			continue
		}
		out = append(out, p)
	}
	return out
}

// TestAssignStack: without registers, values follow each other, aligned as fields
// of a struct, and results begin at a word.
func TestAssignStack(t *testing.T) {
	small := &debuginfo.Type{Kind: debuginfo.Int, Size: 1}
	medium := &debuginfo.Type{Kind: debuginfo.Uint, Size: 4}
	text := &debuginfo.Type{Kind: debuginfo.GoString, Size: 16}
	list := &debuginfo.Type{Kind: debuginfo.Array, Size: 3, Count: 3, Elem: small}
	for machine, sp := range map[elf.Machine]int{elf.EM_X86_64: 7, elf.EM_AARCH64: 31} {
		in, out, err := AssignStack(machine, []*debuginfo.Type{small, medium, text, list}, []*debuginfo.Type{small, text, medium})
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, l := range slices.Concat(in, out) {
			if len(l.Pieces) != 1 || l.Pieces[0].Kind != debuginfo.Memory || l.Pieces[0].Address.Base != sp {
				t.Fatalf("%v: %+v", machine, l)
			}
			got = append(got, l.Pieces[0].Address.Steps[0].Add)
		}
		if want := []int64{8, 12, 16, 32, 40, 48, 64}; !slices.Equal(got, want) {
			t.Errorf("%v: above the stack pointer %d, want %d", machine, got, want)
		}
	}
}

func TestDictionaryIndex(t *testing.T) {
	for name, want := range map[string]int{
		"main.Two[go.shape.string,go.shape.int]":                         0,
		"main.Two[go.shape.map[string]int,go.shape.[]int]":               0,
		"main.(*T[go.shape.int]).Set":                                    1,
		"main.T[go.shape.string].Get":                                    1,
		"example.com/a.(*b)/main.T[go.shape.struct { F func(int) }].Get": 1,
		"main.Mk[go.shape.int].func1":                                    -1,
		"main.(*T[go.shape.int]).Set.func1":                              -1,
		"main.(*T[go.shape.int]).Set-fm":                                 -1,
		"main.All[go.shape.int]-range1":                                  -1,
		"main.Mk[go.shape.int].gowrap1":                                  -1,
		"main.(*T[int]).Set":                                             -1,
		"main.callee":                                                    -1,
		"main.broken[go.shape.int":                                       -1,
	} {
		index, ok := DictionaryIndex(name)
		if !ok {
			index = -1
		}
		if index != want {
			t.Errorf("DictionaryIndex(%s) = %d, want %d", name, index, want)
		}
	}
}

func TestAssignRefusesWhatGoDoesNotMake(t *testing.T) {
	word := &debuginfo.Type{Kind: debuginfo.Int, Size: 8}
	circle := &debuginfo.Type{Kind: debuginfo.Struct, Name: "circle", Size: 8}
	circle.Members = []debuginfo.Member{{Name: "self", Type: circle}}
	for _, test := range []struct {
		typ  *debuginfo.Type
		want string
	}{
		{nil, "not known"},
		{circle, "not known"},
		{&debuginfo.Type{Kind: debuginfo.Void, Name: "void"}, "what type void is made of"},
		{&debuginfo.Type{Kind: debuginfo.Int, Name: "int24", Size: 3}, "type int24 has a layout that Go does not make (3 bytes)"},
		{&debuginfo.Type{Kind: debuginfo.Array, Name: "list", Size: 8, Count: -1, Elem: word}, "type list"},
		{&debuginfo.Type{Kind: debuginfo.GoString, Name: "string", Size: 8}, "type string"},
		{&debuginfo.Type{Kind: debuginfo.Complex, Name: "complex", Size: 4}, "type complex"},
		{&debuginfo.Type{Kind: debuginfo.Struct, Name: "overlap", Size: 8, Members: []debuginfo.Member{{Type: word}, {Type: word}}}, "type overlap"},
		{&debuginfo.Type{Kind: debuginfo.Struct, Name: "negative", Size: -1}, "type negative"},
	} {
		if _, _, err := Assign(elf.EM_X86_64, []*debuginfo.Type{word, test.typ}, nil); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %q", err, test.want)
		}
	}
	if _, _, err := Assign(elf.EM_S390, nil, nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("S/390: %v", err)
	}
}
