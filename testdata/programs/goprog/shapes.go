package main

import "strings"

// shapes are functions with their calls; each call makes exactly one of the
// function, except fib's.
var shapes = []struct {
	name string
	call func(i int) int
}{
	{"(*DB).Query", func(i int) int { n, err := db.Query(names[i%4]); return n + failed(err) }},
	{"DB.Size", func(i int) int { return DB{Name: "other", rows: i}.Size() }},
	{"describe", func(i int) int { return len(describe(values[i%len(values)])) }},
	{"area", func(i int) int { return int(area(float64(i), 1.5)) }},
	{"mixed", func(i int) int { return int(mixed(int8(-i), 0.5, uint16(i), true, 2.25, 'x', uint64(i)<<40)) }},
	{"sum", func(i int) int { return sum([]int{i, 2, 3}[:1+i%3]) }},
	{"split", func(i int) int { a, b := split(Point{i, 2 * i}); return a.X + b.Y }},
	{"measure", func(i int) int { return int(measure(Box{Point{i, 2}, Point{3, 4}, "box"}).Weight) }},
	{"many", func(i int) int { return many(i, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, "last") }},
	{"table", func(i int) int { t := table(i); return t[i%5] }},
	{"longest[string]", func(i int) int { return len(longest(names[i%4], "omega")) }},
	{"adder.func1", func(i int) int { return adders[i%2](i) }},
	{"throws", func(i int) int { return caught(i) }},
	{"deferred", func(i int) int { n, err := deferred(i); return n + failed(err) }},
	{"fib", func(i int) int { return fib(i) }},
	{"nothing", func(i int) int { nothing(); return i }},
}

// DB is a receiver.
type DB struct {
	Name string
	rows int
}

var db = &DB{"people", 7}

// Query has a pointer receiver and named results.
//
//go:noinline
func (d *DB) Query(q string) (rows int, err error) {
	if q == "gamma" {
		return 0, &NotFound{ID: len(q), Name: q}
	}
	return d.rows + len(q), nil
}

// Size has a value receiver of three words.
//
//go:noinline
func (d DB) Size() int { return d.rows*100 + len(d.Name) }

func failed(err error) int {
	if err != nil {
		return 1000
	}
	return 0
}

var values = []any{1, "two", 3.0, []int{4}, db, nil}

// describe takes an empty interface.
//
//go:noinline
func describe(v any) string {
	switch v := v.(type) {
	case string:
		return "string " + v
	case *DB:
		return "DB " + v.Name
	}
	return "something"
}

//go:noinline
func area(w, h float64) float64 { return w * h }

// mixed has integers and floats of several sizes.
//
//go:noinline
func mixed(a int8, b float32, c uint16, d bool, e float64, f rune, g uint64) float64 {
	if !d {
		return 0
	}
	return float64(a) + float64(b) + float64(c) + e + float64(f) + float64(g>>40)
}

//go:noinline
func sum(list []int) (total int) {
	for _, n := range list {
		total += n
	}
	return total
}

// Point fits registers.
type Point struct{ X, Y int }

// split has struct results.
//
//go:noinline
func split(p Point) (Point, Point) { return Point{p.X, 0}, Point{0, p.Y} }

// Box takes six registers.
type Box struct {
	Min, Max Point
	Label    string
}

// Size mixes kinds of fields.
type Size struct {
	Area   int32
	Weight float32
	Label  string
}

//go:noinline
func measure(b Box) Size {
	n := (b.Max.X - b.Min.X) * (b.Max.Y - b.Min.Y)
	return Size{int32(n), float32(n) / 2, b.Label}
}

// many has more arguments than there are registers: k and last lie on the stack.
//
//go:noinline
func many(a, b, c, d, e, f, g, h, i, j, k int, last string) int {
	return a + b + c + d + e + f + g + h + i + j + k + len(last)
}

// table has a result that lies on the stack.
//
//go:noinline
func table(n int) (t [5]int) {
	for i := range t {
		t[i] = n * i
	}
	return t
}

// longest is generic.
//
//go:noinline
func longest[T ~string](a, b T) T {
	if len(a) > len(b) {
		return a
	}
	return b
}

var adders = [2]func(int) int{adder(1), adder(100)}

// adder returns a closure.
func adder(n int) func(int) int {
	return func(m int) int { return n + m }
}

// throws panics for odd numbers: then it has no return.
//
//go:noinline
func throws(n int) int {
	if n%2 == 1 {
		panic(strings.Repeat("!", n))
	}
	return n
}

func caught(n int) (r int) {
	defer func() {
		if p := recover(); p != nil {
			r = -len(p.(string))
		}
	}()
	return throws(n)
}

// deferred recovers from its own panic, and so returns by the way that deferred
// calls take.
//
//go:noinline
func deferred(n int) (r int, err error) {
	defer func() {
		if recover() != nil {
			err = errNinth
		}
	}()
	return 12 / (n % 3), nil
}

//go:noinline
func fib(n int) int {
	if n < 2 {
		return n
	}
	return fib(n-1) + fib(n-2)
}

//go:noinline
func nothing() {}

// forever has no return.
//
//go:noinline
func forever() {
	for {
		select {}
	}
}
