// Bench compares gorecord and goreport with perf in paired runs: each pair runs
// both commands one after the other, so that a machine that gets slower or
// faster meanwhile does so for both. It prints medians and, pair by pair, the
// ratio of ours to perf's.
//
//	go run ./bench            all comparisons, five pairs each
//	go run ./bench -n 9 report
//
// It needs root, perf, dd, and tracefs, which it mounts for itself alone where
// it is not mounted.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// figures are what one run of a command cost, its children included.
type figures struct {
	wall, cpu time.Duration
	peak      int64 // bytes, of the largest process
	bytes     int64 // size of the recording
	note      string
}

// side is one of the two commands of a comparison.
type side struct {
	name   string
	argv   []string
	output string // recording that it writes, or ""
}

// comparison pairs a command of ours with one of perf's.
type comparison struct {
	name, what string
	ours, perf side
}

func main() {
	pairs := flag.Int("n", 5, "pairs to run")
	flag.Parse()
	if err := run(*pairs, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(pairs int, names []string) error {
	if err := ownTracefs(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "gorecord-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", dir+"/", "./cmd/...")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	fmt.Println(machine())
	for _, c := range comparisons(dir) {
		if len(names) > 0 && !slices.Contains(names, c.name) {
			continue
		}
		if err := compare(c, pairs); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

// ownTracefs mounts tracefs in a mount namespace of this process, where the
// machine has not mounted it: perf needs it in the file tree.
func ownTracefs() error {
	const path = "/sys/kernel/tracing"
	if _, err := os.Stat(path + "/events"); err == nil {
		return nil
	}
	// The namespace belongs to a thread; children inherit that of the thread
	// that starts them.
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWNS); err != nil {
		return fmt.Errorf("own mount namespace: %w", err)
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("own mount namespace: %w", err)
	}
	if err := syscall.Mount("nodev", path, "tracefs", 0, ""); err != nil {
		return fmt.Errorf("mount tracefs: %w", err)
	}
	return nil
}

func machine() string {
	out := func(name string, args ...string) string {
		b, err := exec.Command(name, args...).Output()
		if err != nil {
			return err.Error()
		}
		return strings.TrimSpace(string(b))
	}
	return fmt.Sprintf("%d CPUs, Linux %s, %s, %s\n", runtime.NumCPU(), out("uname", "-r"), out("perf", "--version"), runtime.Version())
}

// hits is how many bytes dd copies, one by one: two system calls each.
const hits = 1_000_000

func comparisons(dir string) []comparison {
	flood := []string{"dd", "if=/dev/zero", "of=/dev/null", "bs=1", fmt.Sprintf("count=%d", hits), "status=none"}
	bin := func(name string) string { return filepath.Join(dir, name) }
	file := func(name string) string { return filepath.Join(dir, name) }
	const event = "raw_syscalls:sys_enter"
	recording := func(name, what string, ours, perf []string) comparison {
		a, b := file(name+".ours"), file(name+".perf")
		return comparison{
			name: name, what: what,
			ours: side{"gorecord", slices.Concat([]string{bin("gorecord"), "-o", a}, ours, flood), a},
			perf: side{"perf record", slices.Concat([]string{"perf", "record", "-o", b}, perf, flood), b},
		}
	}
	reporting := func(name, what, input string) comparison {
		return comparison{
			name: name, what: what,
			ours: side{name: "goreport", argv: []string{bin("goreport"), "-i", file(input)}},
			perf: side{name: "perf report", argv: []string{"perf", "report", "--stdio", "--force", "-i", file(input)}},
		}
	}
	printing := func(name, what, input string) comparison {
		return comparison{
			name: name, what: what,
			ours: side{name: "goscript", argv: []string{bin("goscript"), "-q", "-i", file(input)}},
			perf: side{name: "perf script", argv: []string{"perf", "script", "--force", "-i", file(input)}},
		}
	}
	return []comparison{
		recording("record", "2M "+event+" hits, defaults", []string{"-e", event}, []string{"-e", event}),
		recording("record-z", "the same, perf compressing as well", []string{"-e", event}, []string{"-z", "-e", event}),
		recording("record-g", "the same with callchains", []string{"-g", "-e", event}, []string{"-g", "-e", event}),
		reporting("report", "the recording of gorecord", "record.ours"),
		reporting("report-perf", "the recording of perf", "record.perf"),
		reporting("report-g", "the recording with callchains", "record-g.ours"),
		printing("script", "the samples of gorecord's recording, one by one", "record.ours"),
		printing("script-perf", "those of perf's", "record.perf"),
		printing("script-g", "those with callchains", "record-g.ours"),
	}
}

func compare(c comparison, pairs int) error {
	var ours, perf []figures
	for range pairs {
		a, err := measure(c.ours)
		if err != nil {
			return err
		}
		b, err := measure(c.perf)
		if err != nil {
			return err
		}
		ours, perf = append(ours, a), append(perf, b)
	}
	show(c, ours, perf)
	return nil
}

func measure(s side) (figures, error) {
	var stderr strings.Builder
	cmd := exec.Command(s.argv[0], s.argv[1:]...)
	cmd.Stderr = &stderr
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return figures{}, fmt.Errorf("%s: %w\n%s", s.name, err, stderr.String())
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	f := figures{
		wall: time.Since(start),
		cpu:  cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		peak: usage.Maxrss << 10,
		note: outcome(stderr.String()),
	}
	if s.output != "" {
		st, err := os.Stat(s.output)
		if err != nil {
			return f, err
		}
		f.bytes = st.Size()
	}
	return f, nil
}

// outcome picks what a recorder says of samples and loss.
func outcome(stderr string) string {
	var parts []string
	for line := range strings.Lines(stderr) {
		line = strings.TrimSpace(line)
		if strings.Contains(line, " samples)") {
			parts = append(parts, line[strings.LastIndex(line, "(")+1:strings.LastIndex(line, ")")])
		}
		if strings.Contains(line, "lost ") {
			parts = append(parts, line)
		}
	}
	return strings.Join(parts, "; ")
}

// show prints a table in Markdown.
func show(c comparison, ours, perf []figures) {
	fmt.Printf("### %s: %s\n\n", c.name, c.what)
	fmt.Printf("| | %s | %s | ratio, median (least–most) |\n|---|---|---|---|\n", c.ours.name, c.perf.name)
	row := func(name string, get func(figures) float64, format string) {
		var ratios []float64
		for i := range ours {
			ratios = append(ratios, get(ours[i])/get(perf[i]))
		}
		slices.Sort(ratios)
		fmt.Printf("| %s | "+format+" | "+format+" | %.3f (%.3f–%.3f) |\n", name,
			median(ours, get), median(perf, get), ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1])
	}
	row("wall, s", func(f figures) float64 { return f.wall.Seconds() }, "%.3f")
	row("CPU, s", func(f figures) float64 { return f.cpu.Seconds() }, "%.3f")
	row("peak memory, MiB", func(f figures) float64 { return float64(f.peak) / (1 << 20) }, "%.1f")
	if c.ours.output != "" {
		row("file, MiB", func(f figures) float64 { return float64(f.bytes) / (1 << 20) }, "%.2f")
	}
	for i := range ours {
		if ours[i].note+perf[i].note != "" {
			fmt.Printf("\npair %d: %s: %s. %s: %s.", i+1, c.ours.name, ours[i].note, c.perf.name, perf[i].note)
		}
	}
	fmt.Print("\n\n")
}

func median(all []figures, get func(figures) float64) float64 {
	var v []float64
	for _, f := range all {
		v = append(v, get(f))
	}
	slices.Sort(v)
	return v[len(v)/2]
}
