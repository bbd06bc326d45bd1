// Goprog calls functions of many shapes, a known number of times each, for tests
// of probes in Go programs. Nothing of what it calls is inlined.
//
//	goprog [CALLS [SLEEP]]
//
// CALLS (8000) calls of main.callee are made by eight goroutines together, with
// the ids 0 to CALLS-1, each once. Every 20th call is made on a fresh goroutine,
// at a depth of its own, so that stacks grow within callee and below it. The
// other functions are called ten times each, by the main goroutine. SLEEP, in
// milliseconds, is how long the program waits before it starts.
//
// One line for each function tells its calls and a checksum; the exit status is
// 0, or 1 where a result is wrong.
package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	workers   = 8
	rounds    = 10  // calls of every other function
	freshEach = 20  // calls of callee for each on a goroutine of its own
	depths    = 100 // frames that those goroutines go down at most
)

var names = [...]string{"alpha", "beta", "gamma", "δελτα"}

// errNinth is an *errors.errorString, the error of every tenth call of callee.
var errNinth = errors.New("every tenth id fails")

// NotFound is an error whose first field is no string.
type NotFound struct {
	ID   int
	Name string
}

func (e *NotFound) Error() string { return e.Name + " not found" }

// callee returns 2*id + len(name), and errNinth where id ends in 9. Its frame is
// large enough for a check of the stack, which at times makes it grow.
//
//go:noinline
func callee(id int, name string) (int, error) {
	var scratch [120]int
	for i := range scratch {
		scratch[i] = id + i
	}
	if id%10 == 9 {
		return 0, errNinth
	}
	return scratch[len(name)] + id, nil
}

func calleeName(id int) string { return names[id%len(names)] }

// descend calls callee depth frames further down.
//
//go:noinline
func descend(depth, id int) (int, error) {
	if depth == 0 {
		return callee(id, calleeName(id))
	}
	n, err := descend(depth-1, id)
	return n, err
}

var wrong atomic.Int64

func checkCallee(id, n int, err error) {
	if id%10 == 9 && err == errNinth && n == 0 || id%10 != 9 && err == nil && n == 2*id+len(calleeName(id)) {
		return
	}
	wrong.Add(1)
}

// work makes the calls of callee whose ids leave the remainder worker, and
// returns the sum of their results.
func work(worker, calls int) (sum int) {
	for id := worker; id < calls; id += workers {
		var n int
		var err error
		if id/workers%freshEach == freshEach-1 {
			done := make(chan struct{})
			go func() {
				defer close(done)
				n, err = descend(id/workers/freshEach%depths, id)
			}()
			<-done
		} else {
			n, err = callee(id, calleeName(id))
		}
		checkCallee(id, n, err)
		sum += n
	}
	return sum
}

func callees(calls int) int {
	var wait sync.WaitGroup
	sums := make([]int, workers)
	for w := range workers {
		wait.Add(1)
		go func() {
			defer wait.Done()
			sums[w] = work(w, calls)
		}()
	}
	wait.Wait()
	total := 0
	for _, s := range sums {
		total += s
	}
	return total
}

func argument(i, otherwise int) int {
	if i >= len(os.Args) {
		return otherwise
	}
	n, err := strconv.Atoi(os.Args[i])
	if err != nil || n < 0 {
		fmt.Fprintln(os.Stderr, "usage: goprog [CALLS [SLEEP]]")
		os.Exit(2)
	}
	return n
}

func main() {
	calls, sleep := argument(1, 8000), argument(2, 0)
	time.Sleep(time.Duration(sleep) * time.Millisecond)
	go forever()
	fmt.Println("callee", calls, callees(calls))
	for _, s := range shapes {
		sum := 0
		for i := range rounds {
			sum += s.call(i)
		}
		fmt.Println(s.name, rounds, sum)
	}
	if n := wrong.Load(); n != 0 {
		fmt.Fprintln(os.Stderr, "goprog:", n, "wrong results of callee")
		os.Exit(1)
	}
}
