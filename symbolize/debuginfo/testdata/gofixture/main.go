package main

import (
	"errors"
	"fmt"
	"os"
)

type Color int

const (
	Red Color = iota
	Green
)

type Inner struct {
	Name string
	Tags []string
}

type T struct {
	Inner
	N    int32
	Next *T
	M    map[string]int
	Ch   chan int
	F    func(int) int
	Arr  [3]uint8
	E    error
	Any  any
	S    fmt.Stringer
	C    complex128
}

//go:noinline
func (t *T) Method(s string, b []byte, e error, a any) (n int, err error) {
	if t == nil {
		return len(s) + len(b), e
	}
	fmt.Fprintln(os.Stderr, a)
	return int(t.N), errors.New(s)
}

//go:noinline
func Add(a, b int, f float64, c Color, x, y, z, u, v, w int) (int, bool) {
	return a + b + int(f) + int(c) + x + y + z + u + v + w, a > b
}

func small(x int) int { return x*2 + 1 }

//go:noinline
func Generic[K comparable](k K, n int) K {
	if n > 3 {
		fmt.Fprint(os.Stderr, k)
	}
	return k
}

//go:noinline
func Named(t T, m map[string]int, ch chan int, arr [3]uint8) int {
	return len(t.Name) + len(m) + len(ch) + int(arr[0])
}

var Global = 42

func main() {
	t := &T{N: 3, Inner: Inner{Name: "x"}}
	n, err := t.Method("hello", []byte("abc"), nil, 4)
	k, ok := Add(n, 2, 1.5, Green, 1, 2, 3, 4, 5, 6)
	fmt.Println(n, err, k, ok, small(k), Generic("a", 1), Generic(5, 2), Named(*t, nil, nil, t.Arr), Global)
	func(i int) { fmt.Println(i) }(k)
}
