package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"gorecord/cmd/internal/cli"
	"gorecord/perfevent/perfdata"
	"gorecord/record"
)

// run is the command. It returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o, c, done, status := parse(args, stdout, stderr)
	if done {
		return status
	}
	own := &lockedWriter{w: stderr}
	r := &recorder{
		options: o, command: c, args: args, stdin: stdin, stdout: stdout, stderr: own, workloadStderr: own,
		proc: os.DirFS("/proc"), sys: os.DirFS("/sys"),
	}
	if f, ok := stderr.(*os.File); ok {
		r.workloadStderr = f // which it can inherit
	}
	err := r.record(ctx)
	if r.status == 0 && err != nil {
		r.status = cli.ExitFail
	}
	if err != nil {
		c.Errorf(stderr, "%v", err)
	}
	return r.status
}

// recorder is one run of the command.
type recorder struct {
	options
	command *cli.Command
	args    []string

	stdin          io.Reader
	stdout, stderr io.Writer
	workloadStderr io.Writer // leads where stderr does
	proc, sys      fs.FS

	workload  *record.Workload
	session   *record.Session
	stream    *stream // nil where the recording is a file
	recording *record.Recording
	signals   chan os.Signal
	switches  chan os.Signal // SIGUSR2
	ended     chan struct{}  // closed at the end
	got       os.Signal      // what ended the recording, nil where nothing did
	limited   bool           // it ended at its greatest size
	failed    bool           // it ended because it could not be written
	wakeups   uint64         // as of the last switch to another file
	released  bool           // the workload was let go
	status    int
}

// lockedWriter is for several goroutines.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

func (r *recorder) note(line string) {
	if !r.quiet {
		r.command.Errorf(r.stderr, "%s", line)
	}
}

// record sets up the session, runs it, and puts everything back.
func (r *recorder) record(ctx context.Context) (err error) {
	// Signals are caught before anything is changed on the machine.
	r.signals = make(chan os.Signal, 4)
	signal.Notify(r.signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(r.signals)
	r.switches = make(chan os.Signal, 1)
	signal.Notify(r.switches, syscall.SIGUSR2)
	defer signal.Stop(r.switches)
	// What these two tell, the writes that cause them tell, too.
	unread := make(chan os.Signal, 1)
	signal.Notify(unread, syscall.SIGPIPE, syscall.SIGXFSZ)
	defer signal.Stop(unread)
	r.ended = make(chan struct{})
	defer close(r.ended)

	path := ""
	if len(r.options.command) > 0 {
		if path, err = findCommand(r.options.command[0]); err != nil {
			return err
		}
	}
	resolver := &record.Resolver{
		Sys: r.sys, Proc: r.proc, Command: path, Note: r.note,
		NoTracefs: r.noTracefs, AllowGoReturn: r.force, Inlines: r.inlines,
	}
	defer func() { err = errors.Join(err, resolver.Close()) }()
	events, err := r.resolve(ctx, resolver)
	if err != nil {
		return err
	}
	if err := r.startWorkload(); err != nil {
		return err
	}
	defer r.abandon()
	if err := r.open(events); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.session.Close()) }()
	if r.output.stream {
		if !r.output.named {
			r.note("standard output is a pipe, and the recording goes there; -o perf.data writes a file")
		}
		r.stream = openStream(r.stdout)
		defer func() { err = errors.Join(err, r.stream.Close()) }()
	}
	if err := r.begin(resolver); err != nil {
		return r.fail(err)
	}
	defer func() { err = errors.Join(err, r.recording.Close()) }()
	if err := r.start(ctx); err != nil {
		return r.fail(err)
	}
	if err := r.finish(); err != nil {
		return r.fail(err)
	}
	return r.summarize()
}

// findCommand looks a command up as a shell does. The wording is perf's.
func findCommand(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	if errors.Is(err, exec.ErrDot) {
		return "", fmt.Errorf("'%s' is found in the current folder only: run ./%s", name, name)
	}
	reason := "No such file or directory"
	if errors.Is(err, fs.ErrPermission) {
		reason = "Permission denied"
	}
	return "", fmt.Errorf("failed to collect events for the '%s' workload: %s", name, reason)
}

// resolve turns what -e says into events. What cannot be understood is a usage
// error.
func (r *recorder) resolve(ctx context.Context, resolver *record.Resolver) ([]record.Event, error) {
	options := r.events
	if len(options) == 0 {
		options = []eventOption{{list: "cycles"}}
	}
	var events []record.Event
	for _, o := range options {
		resolved, err := resolver.Resolve(ctx, o.list)
		if err != nil {
			if invalid := (*record.EventError)(nil); errors.As(err, &invalid) {
				r.status = cli.ExitUsage
			}
			return nil, err
		}
		for i := range resolved {
			if o.filter != "" {
				if resolved[i].Trace == nil {
					r.status = cli.ExitUsage
					return nil, fmt.Errorf("--filter %q: %s is no tracepoint, and only tracepoints can be filtered", o.filter, resolved[i].Name)
				}
				resolved[i].Filter = o.filter
			}
		}
		events = append(events, resolved...)
	}
	return events, nil
}

func (r *recorder) startWorkload() error {
	if len(r.options.command) == 0 {
		return nil
	}
	stdout := r.stdout
	if r.output.stream {
		// Standard output is the recording's alone, as in perf.
		stdout = r.workloadStderr
	}
	w, err := record.StartWorkload(r.options.command, r.stdin, stdout, r.workloadStderr)
	if err != nil {
		return err
	}
	r.workload = w
	return nil
}

func (r *recorder) abandon() {
	if r.workload != nil {
		r.workload.Abandon()
	}
}

// open opens the events on the target.
func (r *recorder) open(events []record.Event) error {
	target, err := r.recordTarget()
	if err != nil {
		return err
	}
	if err := r.limitFrequency(); err != nil {
		return err
	}
	r.session, err = record.Open(record.Config{
		Events: events, Sampling: r.sampling, Target: target, RingPages: r.ringPages,
		WakeupBytes: r.wakeupBytes(), DrainInterval: r.drainInterval(),
		Proc: r.proc, Sys: r.sys, Opener: record.Kernel{}, Note: r.note,
	})
	if err == nil && r.verbose {
		for _, e := range r.session.Events() {
			r.note(fmt.Sprintf("opened %s: %d descriptors", e.Name, len(e.IDs)))
		}
		r.note(fmt.Sprintf("each ring has %d KiB", r.session.RingSize()>>10))
	}
	return err
}

// recordTarget is the target that flags and command ask for: threads by number,
// else the machine where -a or -C say so or there is no command, else the
// command.
func (r *recorder) recordTarget() (record.Target, error) {
	t := record.Target{CPUs: r.target.cpus}
	for _, pid := range r.target.pids {
		tids := record.Threads(r.proc, pid)
		if len(tids) == 0 {
			return t, fmt.Errorf("process %d: no such process", pid)
		}
		t.Threads = append(t.Threads, tids...)
	}
	t.Threads = append(t.Threads, r.target.tids...)
	systemWide := r.target.all || len(r.target.cpus) > 0 || r.workload == nil
	if len(t.Threads) == 0 && !systemWide {
		t.Threads = []int{r.workload.PID()}
		t.EnableOnExec = r.delay == 0
	}
	return t, nil
}

// limitFrequency keeps the sampling frequency within what the kernel allows, and
// says so.
func (r *recorder) limitFrequency() error {
	b, err := fs.ReadFile(r.proc, "sys/kernel/perf_event_max_sample_rate")
	if err != nil {
		return nil
	}
	var most uint64
	if _, err := fmt.Sscan(strings.TrimSpace(string(b)), &most); err != nil {
		return nil
	}
	if r.sampling.Frequency > most {
		r.note(fmt.Sprintf("-F %d is more than kernel.perf_event_max_sample_rate allows; sampling %d times a second", r.sampling.Frequency, most))
		r.sampling.Frequency = most
	}
	return nil
}

// wakeupBytes bounds what a ring gathers, so that a limit of size is met
// closely: a quarter of the limit, for all rings together.
func (r *recorder) wakeupBytes() int {
	limit := r.output.maxSize
	if size := r.output.switchAt.size; size > 0 && (limit == 0 || size < limit) {
		limit = size
	}
	if limit == 0 {
		return 0
	}
	return int(max(4096, min(limit/4/uint64(runtime.NumCPU()), 1<<20)))
}

// drainInterval is short where somebody reads along.
func (r *recorder) drainInterval() time.Duration {
	if r.output.stream {
		return 100 * time.Millisecond
	}
	return 0
}

// begin is create, which a signal ends where the reader of a stream takes
// nothing: what runs on a machine can be more than a pipe holds.
func (r *recorder) begin(resolver *record.Resolver) error {
	if r.stream == nil {
		return r.create(resolver)
	}
	done, got := make(chan struct{}), make(chan os.Signal, 1)
	go func() {
		defer close(got)
		select {
		case sig := <-r.signals:
			r.stream.stop()
			got <- sig
		case <-done:
		}
	}()
	err := r.create(resolver)
	close(done)
	if sig, ok := <-got; ok {
		if err == nil {
			r.stream.resume()
			r.signals <- sig
		} else {
			r.got = sig
		}
	}
	return err
}

// create makes the file and writes into it what is known before recording.
func (r *recorder) create(resolver *record.Resolver) error {
	head := &perfdata.Session{Events: r.session.Events(), Info: record.MachineInfo(r.proc, r.sys)}
	head.Info.Version = "gorecord " + strings.Fields(cli.Version())[0]
	head.Info.CmdLine = append([]string{"gorecord"}, r.args...)
	if r.sampling.UseClock {
		head.Info.ClockRes = record.ClockResolution(r.sampling.ClockID)
		head.Info.Clock = record.WallClock(r.sampling.ClockID)
	}
	var err error
	if head.Tracing, err = resolver.TracingData(); err != nil {
		return err
	}
	if head.Probes, err = resolver.Description(); err != nil {
		return err
	}
	cfg := record.RecordingConfig{
		Path: r.output.path, Head: head, KernelID: record.KernelBuildID(r.sys),
		Options: perfdata.Options{NoCompress: r.noCompress || r.output.stream && r.level == 0, Level: r.level},
		MaxSize: r.output.maxSize, SwitchSize: r.output.switchAt.size, KeepFiles: r.output.keepFiles,
		Switching: r.switching, Dumped: r.dumped,
	}
	if r.stream != nil {
		cfg.Stream = r.stream
	}
	r.recording, err = record.NewRecording(r.session, cfg)
	return err
}

// start lets the events and the workload go, and records until the end: that
// of the workload or the watched threads, of the given time, or a signal.
func (r *recorder) start(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	enabled := r.delay > 0 || r.workload != nil && r.isWorkloadTarget()
	if !enabled {
		if err := r.session.Enable(); err != nil {
			return err
		}
	}
	if r.workload != nil {
		if err := r.workload.Release(); err != nil {
			return err
		}
		r.released = true
	}
	watched := make(chan error, 1)
	go func() {
		defer cancel()
		watched <- r.watch(ctx)
	}()
	err := r.session.Run(ctx, r.recording)
	cancel()
	if errors.Is(err, record.ErrSizeLimit) {
		r.limited, err = true, nil
		r.bracket("perf size limit reached (%d KB), stopping session", r.recording.Size()>>10)
	}
	return errors.Join(err, <-watched)
}

// isWorkloadTarget reports whether the command itself arms the events, by its
// exec.
func (r *recorder) isWorkloadTarget() bool {
	return !r.target.all && len(r.target.cpus) == 0 && len(r.target.pids) == 0 && len(r.target.tids) == 0
}

// watch waits for what ends the recording. The context ends it as well.
func (r *recorder) watch(ctx context.Context) error {
	var exited <-chan struct{}
	if r.workload != nil {
		exited = r.workload.Done()
	}
	var stop, enable, next <-chan time.Time
	if every := r.output.switchAt.every; every > 0 {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		next = ticker.C
	}
	if r.delay > 0 {
		enable = time.After(r.delay)
	}
	if r.duration > 0 {
		stop = time.After(r.delay + r.duration)
	}
	for {
		select {
		case <-enable:
			if err := r.session.Enable(); err != nil {
				return err
			}
		case <-exited:
			return nil
		case <-stop:
			return nil
		case <-ctx.Done():
			return nil
		case <-next:
			r.recording.Switch()
		case <-r.switches:
			if r.output.switchAt.on {
				r.recording.Switch()
			}
		case r.got = <-r.signals:
			if r.stream != nil {
				go r.awaitAnother()
			}
			return nil
		}
	}
}

// awaitAnother waits for a second signal, which ends the waiting for a reader
// of the stream as well as that for the workload.
func (r *recorder) awaitAnother() {
	select {
	case sig := <-r.signals:
		r.stream.stop()
		r.signals <- sig
	case <-r.ended:
	}
}

// finish stops the events, takes what is left, and completes the file; the
// workload, where it still runs, is told to end.
func (r *recorder) finish() error {
	if r.limited {
		// Nothing more is to come, however long the workload takes to end.
		if err := r.session.Disable(); err != nil {
			return err
		}
	}
	r.endWorkload()
	if err := r.session.Disable(); err != nil {
		return err
	}
	r.recording.Stay()
	if err := r.session.Drain(r.recording); err != nil {
		return err
	}
	return r.recording.Finish()
}

// endWorkload waits for the workload, which gets SIGTERM where it did not end
// by itself; a second signal stops the waiting. It sets the exit status.
func (r *recorder) endWorkload() {
	switch {
	case r.workload == nil:
		if sig, ok := r.got.(syscall.Signal); ok {
			r.status = 128 + int(sig)
		}
		return
	case r.got != nil || r.duration > 0 || r.limited || r.failed:
		r.workload.Signal(syscall.SIGTERM)
	}
	select {
	case <-r.workload.Done():
		r.status = r.workload.ExitStatus()
	case sig := <-r.signals:
		r.status = 128 + int(sig.(syscall.Signal))
	}
}

// bracket prints a line in the form of perf's, unless -q says not to.
func (r *recorder) bracket(format string, args ...any) {
	if !r.quiet {
		fmt.Fprintf(r.stderr, "[ gorecord: "+format+" ]\n", args...)
	}
}

// switching is called before another file begins, dumped when a file is whole.
func (r *recorder) switching() {
	wakeups := r.session.Stats().Wakeups
	r.bracket("dump data: Woken up %d times", wakeups-r.wakeups)
	r.wakeups = wakeups
}

func (r *recorder) dumped(name string) { r.bracket("Dump %s", cli.Printable(name)) }

// summarize says what was lost, and prints the last lines, in perf's form. The
// file gets its final name.
func (r *recorder) summarize() error {
	stats, written := r.session.Stats(), r.recording.Stats()
	if lost := stats.LostSamples(); lost > 0 {
		r.command.Errorf(r.stderr, "%s", r.lossReport(&stats, lost))
		if r.failOnLoss && r.status == 0 {
			r.status = cli.ExitFail
		}
	}
	r.bracket("Woken up %d times to write data", max(1, stats.Wakeups-r.wakeups))
	name := r.output.path
	switch {
	case r.stream != nil:
		name = "-"
	case r.output.stamped():
		aside, err := r.recording.MoveAside()
		if err != nil {
			return err
		}
		r.dumped(aside)
		name += ".<timestamp>"
	}
	samples := ""
	if written.Samples > 0 {
		samples = fmt.Sprintf(" (%d samples)", written.Samples)
	}
	r.bracket("Captured and wrote %.3f MB %s%s", float64(written.FileBytes)/(1<<20), cli.Printable(name), samples)
	return nil
}

// lossReport says what was lost, of which event, and what helps.
func (r *recorder) lossReport(stats *record.Stats, lost uint64) string {
	var by []string
	for i, e := range r.session.Events() {
		if n := stats.Lost[i]; n > 0 {
			by = append(by, fmt.Sprintf("%d of %s", n, e.Name))
		}
	}
	share := 100 * float64(lost) / float64(lost+stats.Samples)
	detail := ""
	if len(by) > 0 {
		detail = " (" + strings.Join(by, ", ") + ")"
	}
	return fmt.Sprintf("lost %d samples, %.2f%%%s: the buffers of %d KiB ran over; try -m %dK, or fewer events",
		lost, share, detail, r.session.RingSize()>>10, r.session.RingSize()>>10*4)
}
