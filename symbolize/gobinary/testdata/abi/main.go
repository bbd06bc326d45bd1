// Abi calls functions with signatures of all kinds, once each. Every function
// prints the bytes of its parameters, and of its results before it returns, so
// that a debugger's view of registers and stack can be compared with them.
package main

import (
	"errors"
	"fmt"
	"unsafe"
)

func dump[T any](function, name string, v *T) {
	fmt.Printf("%s %s %x\n", function, name, unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v)))
}

type (
	pair   struct{ X, Y int }
	padded struct {
		A int8
		B int64
		C uint16
		D float32
		E bool
	}
	nested struct {
		P pair
		F [1]float64
		S string
	}
	empty struct{}
	tail  struct {
		N int32
		_ empty
	}
	blank struct {
		_ int16
		N int32
		_ [1]byte
	}
	wide   struct{ A, B, C, D, E, F, G, H, I, J int }
	arrays struct{ N [2]int32 }
	boxed  struct {
		E error
		A any
		M map[string]int
		C chan int
		F func()
		U unsafe.Pointer
	}
)

//go:noinline
func integers(a int8, b uint16, c int32, d uint64, e uintptr, f rune, g byte, h bool, i int, j uint32) (r int16, s uint8) {
	dump("integers", "a", &a)
	dump("integers", "b", &b)
	dump("integers", "c", &c)
	dump("integers", "d", &d)
	dump("integers", "e", &e)
	dump("integers", "f", &f)
	dump("integers", "g", &g)
	dump("integers", "h", &h)
	dump("integers", "i", &i)
	dump("integers", "j", &j)
	r, s = int16(a)*3, g+1
	dump("integers", "r", &r)
	dump("integers", "s", &s)
	return r, s
}

//go:noinline
func floats(a float32, b float64, c complex64, d complex128, e int, f float32) (r float32, s complex128, n int) {
	dump("floats", "a", &a)
	dump("floats", "b", &b)
	dump("floats", "c", &c)
	dump("floats", "d", &d)
	dump("floats", "e", &e)
	dump("floats", "f", &f)
	r, s, n = a+f, d*complex(b, 1), e+1
	dump("floats", "r", &r)
	dump("floats", "s", &s)
	dump("floats", "n", &n)
	return r, s, n
}

//go:noinline
func strings(a string, b []byte, c error, d any) (r string, s []int, err error) {
	dump("strings", "a", &a)
	dump("strings", "b", &b)
	dump("strings", "c", &c)
	dump("strings", "d", &d)
	r, s, err = a[1:], make([]int, 2, 5), errors.New("no")
	dump("strings", "r", &r)
	dump("strings", "s", &s)
	dump("strings", "err", &err)
	return r, s, err
}

//go:noinline
func structs(a pair, b padded, c nested) (r padded, s nested) {
	dump("structs", "a", &a)
	dump("structs", "b", &b)
	dump("structs", "c", &c)
	r, s = padded{1, int64(a.X), 3, 4.5, true}, nested{a, c.F, c.S[2:]}
	dump("structs", "r", &r)
	dump("structs", "s", &s)
	return r, s
}

//go:noinline
func spilled(a pair, b wide, c string, d nested, e [2]int16, f int8, g int64) (r wide, s int, u [3]byte, v string) {
	dump("spilled", "a", &a)
	dump("spilled", "b", &b)
	dump("spilled", "c", &c)
	dump("spilled", "d", &d)
	dump("spilled", "e", &e)
	dump("spilled", "f", &f)
	dump("spilled", "g", &g)
	r, s, u, v = b, a.Y, [3]byte{1, 2, 3}, c+"!"
	dump("spilled", "r", &r)
	dump("spilled", "s", &s)
	dump("spilled", "u", &u)
	dump("spilled", "v", &v)
	return r, s, u, v
}

//go:noinline
func odd(a empty, b tail, c blank, d arrays, e [0]int, f [1]pair, g struct{}, h int) (r blank, s tail, u arrays, v int8) {
	dump("odd", "b", &b)
	dump("odd", "c", &c)
	dump("odd", "d", &d)
	dump("odd", "f", &f)
	dump("odd", "h", &h)
	r, s, u, v = blank{N: 5}, tail{N: 6}, arrays{[2]int32{7, 8}}, 9
	dump("odd", "r", &r)
	dump("odd", "s", &s)
	dump("odd", "u", &u)
	dump("odd", "v", &v)
	return r, s, u, v
}

//go:noinline
func boxes(a boxed, b *pair, c float64) (r boxed, s *pair) {
	dump("boxes", "a", &a)
	dump("boxes", "b", &b)
	dump("boxes", "c", &c)
	r, s = a, b
	r.E = nil
	dump("boxes", "r", &r)
	dump("boxes", "s", &s)
	return r, s
}

//go:noinline
func (p pair) Value(a string, b float32) (r pair, err error) {
	dump("pair.Value", "p", &p)
	dump("pair.Value", "a", &a)
	dump("pair.Value", "b", &b)
	r, err = pair{p.Y, p.X}, errValue
	dump("pair.Value", "r", &r)
	dump("pair.Value", "err", &err)
	return r, err
}

//go:noinline
func (n *nested) Pointer(a, b int) (s string) {
	dump("(*nested).Pointer", "n", &n)
	dump("(*nested).Pointer", "a", &a)
	dump("(*nested).Pointer", "b", &b)
	s = n.S[a:b]
	dump("(*nested).Pointer", "s", &s)
	return s
}

//go:noinline
func variadic(a int, b ...string) (n int) {
	dump("variadic", "a", &a)
	dump("variadic", "b", &b)
	n = a + len(b)
	dump("variadic", "n", &n)
	return n
}

//go:noinline
func manyFloats(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p float64, q int) (r, s, u, v, w, x, y, z, aa, bb, cc, dd, ee, ff, gg, hh float32) {
	dump("manyFloats", "a", &a)
	dump("manyFloats", "o", &o)
	dump("manyFloats", "p", &p)
	dump("manyFloats", "q", &q)
	r, s, gg, hh = 1, 2, 15, float32(b+c+d+e+f+g+h+i+j+k+l+m+n)
	dump("manyFloats", "r", &r)
	dump("manyFloats", "s", &s)
	dump("manyFloats", "gg", &gg)
	dump("manyFloats", "hh", &hh)
	return
}

var errValue = errors.New("value")

func main() {
	integers(-1, 2, -3, 4<<40, 5, 'x', 7, true, -9, 10)
	floats(1.5, 2.5, 3+4i, 5-6i, 7, 8.25)
	strings("alpha", []byte("beta"), errValue, 42)
	structs(pair{1, 2}, padded{-1, 2, 3, 4.5, true}, nested{pair{5, 6}, [1]float64{7.5}, "seven"})
	spilled(pair{1, 2}, wide{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, "gamma", nested{pair{3, 4}, [1]float64{5.5}, "six"}, [2]int16{7, 8}, -9, 10)
	odd(empty{}, tail{N: 1}, blank{N: 2}, arrays{[2]int32{3, 4}}, [0]int{}, [1]pair{{5, 6}}, struct{}{}, 7)
	boxes(boxed{errValue, "any", map[string]int{"a": 1}, make(chan int), main, nil}, &pair{1, 2}, 3.5)
	pair{11, 12}.Value("receiver", 1.25)
	(&nested{S: "pointer"}).Pointer(1, 3)
	variadic(3, "x", "y")
	manyFloats(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17)
}
