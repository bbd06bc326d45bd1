// Gorecord records events of programs and of the whole machine into a
// perf.data file.
package main

import (
	"context"
	"os"

	"gorecord/record"
)

func main() {
	record.RunStub()
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
