// Goscript prints a recording sample by sample.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the command. It returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var o options
	c := command(&o)
	if done, status := c.Main(args, stdout, stderr); done {
		return status
	}
	if err := o.check(c.Args()); err != nil {
		return c.UsageError(stderr, err)
	}
	return o.run(ctx, c, stdin, stdout, stderr)
}
