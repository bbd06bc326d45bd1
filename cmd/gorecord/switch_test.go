package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
)

// dumped lists the files of a folder, which must have times in their names, and
// must be those that stderr names, in their order, where all are kept.
func dumped(t *testing.T, dir, base, stderr string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`^` + regexp.QuoteMeta(base) + `\.20\d{14}$`)
	var files []string
	for _, e := range entries {
		if !name.MatchString(e.Name()) {
			t.Errorf("file %s", e.Name())
		}
		files = append(files, e.Name())
	}
	var said []string
	for _, m := range regexp.MustCompile(`(?m)^\[ gorecord: Dump (.*) \]$`).FindAllStringSubmatch(stderr, -1) {
		said = append(said, m[1])
	}
	if len(said) < len(files) || !slices.Equal(said[len(said)-len(files):], files) {
		t.Errorf("files %q, said %q", files, said)
	}
	return files
}

// checkFiles expects each file to be whole: the same samples here and in every
// perf. It returns how many samples the files have together.
func checkFiles(t *testing.T, dir string, files []string) int {
	t.Helper()
	sum := 0
	for _, f := range files {
		path := filepath.Join(dir, f)
		n := total(t, path)
		sum += n
		for _, perf := range perfs(t) {
			if got := perfSamples(t, perf, path); got != n {
				t.Errorf("%s: %s sees %d samples, we %d", f, perf, got, n)
			}
		}
	}
	return sum
}

func TestSwitchOutput(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	needEvents(t)
	for _, test := range []struct {
		flags       []string
		base        string
		least, most int // files; a busy machine makes fewer
	}{
		{[]string{"--switch-output=500ms"}, "perf.data", 2, 5},
		{[]string{"--switch-output=1s", "-o", "a b"}, "a b", 1, 3},
		{[]string{"--switch-output=30K"}, "perf.data", 1, 40},
		{[]string{"--switch-output=30K", "--no-compress"}, "perf.data", 3, 200},
		{[]string{"--switch-output=300ms", "--switch-max-files=2"}, "perf.data", 2, 2},
		{[]string{"--switch-output=300ms", "--switch-max-files", "1"}, "perf.data", 1, 1},
		{[]string{"--switch-output"}, "perf.data", 1, 1},
		{[]string{"--timestamp-filename"}, "perf.data", 1, 1},
	} {
		t.Run(strings.Join(test.flags, " "), func(t *testing.T) {
			dir := t.TempDir()
			got := gorecord(t, dir, append(test.flags, "-e", "cpu-clock", "-F", "5000", "-g", "-a", "sleep", "2.2")...)
			if got.status != 0 || !strings.Contains(got.stderr, " MB "+test.base+".<timestamp>") {
				t.Fatalf("%+v", got)
			}
			files := dumped(t, dir, test.base, got.stderr)
			if len(files) < test.least || len(files) > test.most {
				t.Errorf("%d files; %s", len(files), got.stderr)
			}
			checkFiles(t, dir, files)
		})
	}
}

// TestSwitchBySignal: SIGUSR2 begins another file at once.
func TestSwitchBySignal(t *testing.T) {
	needEvents(t)
	dir := t.TempDir()
	cmd, stderr := start(t, dir, "--switch-output", "-e", "cpu-clock", "-a")
	count := func() int {
		files, _ := filepath.Glob(filepath.Join(dir, "perf.data.*"))
		return len(files)
	}
	for i := range 3 {
		waitFor(t, "recording", func() bool { return recorded(filepath.Join(dir, "perf.data")) })
		time.Sleep(50 * time.Millisecond)
		cmd.Process.Signal(syscall.SIGUSR2)
		waitFor(t, "another file", func() bool { return count() == i+1 })
	}
	cmd.Process.Signal(syscall.SIGINT)
	cmd.Wait()
	files := dumped(t, dir, "perf.data", stderr.String())
	if got := cmd.ProcessState.ExitCode(); got != 130 || len(files) != 4 || strings.Count(stderr.String(), "[ gorecord: dump data: Woken up ") != 3 {
		t.Errorf("status %d, %d files; %s", got, len(files), stderr)
	}
	checkFiles(t, dir, files)
}

// TestSwitchNames: each file knows the names and maps of what was started before
// it began: the command, its child, whose parent has ended, and all others.
func TestSwitchNames(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	needEvents(t)
	script := "(dd if=/dev/zero of=/dev/null bs=1 status=none & ) ; sleep 1.6; pkill -x -n dd"
	for _, target := range [][]string{{}, {"-a"}} {
		t.Run(strings.Join(target, " "), func(t *testing.T) {
			dir := t.TempDir()
			args := append([]string{"--switch-output=400ms", "-e", "cpu-clock", "-F", "2000"}, target...)
			got := gorecord(t, dir, append(args, "sh", "-c", script)...)
			if got.status != 0 {
				t.Fatalf("%+v", got)
			}
			files := dumped(t, dir, "perf.data", got.stderr)
			if len(files) < 4 {
				t.Errorf("%d files", len(files))
			}
			for _, perf := range perfs(t) {
				inFiles := 0
				for _, f := range files {
					named, unnamed := 0, 0
					for line := range strings.Lines(runPerf(t, perf, nil, "script", "--force", "-F", "comm,ip,dso", "-G", "-i", f)) {
						switch line = strings.TrimSpace(line); {
						case strings.HasPrefix(line, ":") && len(target) == 0:
							// With -a there are those that end while they are sampled.
							unnamed++
						case strings.HasPrefix(line, "dd "):
							named++
						}
						if strings.Contains(line, "libc.so") || strings.Contains(line, "/dd)") {
							inFiles++
						}
					}
					// A process that ends just as the file begins has no name in it.
					const ending = 2
					if named == 0 && f != files[len(files)-1] || unnamed > ending {
						t.Errorf("%s: %s: %d samples of dd, %d of nobody", f, perf, named, unnamed)
					}
				}
				if inFiles < 2*len(files) {
					t.Errorf("%s: %d samples in mapped files", perf, inFiles)
				}
			}
		})
	}
}

// lost reads the LOST_SAMPLES records of a file.
func lost(t *testing.T, path string) int {
	t.Helper()
	r, err := perfdata.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s := r.Sorted()
	defer s.Close()
	sum := 0
	for s.Next() {
		rec := s.Record()
		if rec.Type != perfevent.RecordLostSamples {
			continue
		}
		decoded, _, err := rec.Event.Layout.DecodeRecord(rec.RawRecord)
		if err != nil {
			t.Fatal(err)
		}
		sum += int(decoded.(*perfevent.LostSamples).Lost)
	}
	return sum
}

// TestSwitchLoses: with loss in every file, samples and lost samples of all files
// together are the events that there were.
func TestSwitchLoses(t *testing.T) {
	needEvents(t)
	probes(t)
	dir := t.TempDir()
	got := gorecord(t, dir, "--switch-output=200K", "-m", "2", "-e", "raw_syscalls:sys_enter",
		"dd", "if=/dev/zero", "of=/dev/null", "bs=1", "count=300000", "status=none")
	match := regexp.MustCompile(`lost (\d+) samples`).FindStringSubmatch(got.stderr)
	if match == nil || got.status != 0 {
		t.Fatalf("%+v", got)
	}
	said, _ := strconv.Atoi(match[1])
	files := dumped(t, dir, "perf.data", got.stderr)
	n := checkFiles(t, dir, files)
	sum := 0
	for _, f := range files {
		l := lost(t, f)
		sum += l
		report := runPerf(t, "perf", nil, "report", "--stdio", "--force", "-i", f)
		if !strings.Contains(report, "# Total Lost Samples: "+strconv.Itoa(l)+"\n") {
			t.Errorf("%s: lost %d; perf report:\n%.400s", f, l, report)
		}
	}
	if sum != said || n+sum < 600000 || n+sum > 601000 || len(files) < 2 {
		t.Errorf("%d files: %d samples, %d lost, said %d", len(files), n, sum, said)
	}
}

// TestMaxSize: the recording ends when it is large enough, with perf's line, and
// the command gets SIGTERM.
func TestMaxSize(t *testing.T) {
	needEvents(t)
	for _, test := range []struct {
		flags  []string
		status int
		size   int64
	}{
		{[]string{"--max-size", "100K", "-a"}, 143, 100 << 10},
		{[]string{"--max-size=1M", "--no-compress", "-a"}, 143, 1 << 20},
		{[]string{"--max-size=204800B", "-z1", "-g", "-a"}, 143, 200 << 10},
	} {
		t.Run(strings.Join(test.flags, " "), func(t *testing.T) {
			dir := t.TempDir()
			flood(t)
			got := gorecord(t, dir, append(test.flags, "-e", "cpu-clock", "-F", "20000", "sleep", "60")...)
			if got.status != test.status || !regexp.MustCompile(`(?m)^\[ gorecord: perf size limit reached \(\d+ KB\), stopping session \]$`).MatchString(got.stderr) {
				t.Fatalf("%+v", got)
			}
			st, err := os.Stat("perf.data")
			if err != nil || st.Size() < test.size || st.Size() > test.size*2 {
				t.Errorf("%d bytes, %v", st.Size(), err)
			}
			checkFiles(t, dir, []string{"perf.data"})
		})
	}
}

func TestSizesAndTimes(t *testing.T) {
	for _, test := range []struct {
		in    string
		bytes uint64 // 0: no size
		every time.Duration
	}{
		{"1B", 1, 0}, {"100K", 100 << 10, 0}, {"5M", 5 << 20, 0}, {"2G", 2 << 30, 0},
		{"1s", 0, time.Second}, {"5m", 0, 5 * time.Minute}, {"3h", 0, 3 * time.Hour}, {"2d", 0, 48 * time.Hour}, {"500ms", 0, 500 * time.Millisecond},
		{"", 0, 0}, {"100", 0, 0}, {"0K", 0, 0}, {"-1M", 0, 0}, {"5k", 0, 0}, {"x", 0, 0}, {"0s", 0, 0}, {"-5s", 0, 0}, {"1q", 0, 0}, {"M", 0, 0}, {"d", 0, 0},
	} {
		var size uint64
		if err := (byteSize{&size}).Set(test.in); (err == nil) != (test.bytes > 0) || size != test.bytes {
			t.Errorf("size %q: %d, %v", test.in, size, err)
		}
		var at switchOption
		err := at.Set(test.in)
		if valid := test.bytes > 0 || test.every > 0; (err == nil) != valid || at.size != test.bytes || at.every != test.every {
			t.Errorf("switch %q: %+v, %v", test.in, at, err)
		}
	}
}

// TestOutputUsage: what cannot go together.
func TestOutputUsage(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct{ args, stderr string }{
		{"-o - --switch-output true", "--switch-output and --timestamp-filename name files, and the recording goes to standard output: name a file with -o"},
		{"-o - --timestamp-filename true", "--switch-output and --timestamp-filename name files"},
		{"--switch-max-files=2 true", "--switch-max-files goes with --switch-output"},
		{"--switch-output --switch-max-files=-2 true", "--switch-max-files -2: keep at least one"},
		{"--max-size 100 true", `invalid argument "100" for "--max-size" flag: "100" is no size: give a number with B, K, M or G, as in 100M`},
		{"--switch-output=often true", `invalid argument "often" for "--switch-output" flag: "often" is no time to switch at`},
		{"--switch-output-event=cpu-clock true", "--switch-output-event is not built yet; send SIGUSR2"},
	} {
		got := gorecord(t, dir, strings.Fields(test.args)...)
		if got.status != 129 || !strings.HasPrefix(got.stderr, "gorecord: "+test.stderr) {
			t.Errorf("%s: %+v", test.args, got)
		}
	}
}
