package tracefs

import (
	"io/fs"
	"strings"
)

// logEntry is an entry of the kernel's error_log.
type logEntry struct {
	reason, command string
	column          int // -1 where the entry does not show it
}

// parseErrorLog reads error_log. An entry has three lines:
//
//	[  214.556182] trace_uprobe: error: Invalid register name
//	  Command: p:group/name /path:0x1139 a=%zz
//	                                       ^
func parseErrorLog(text string) []logEntry {
	const command = "  Command: "
	var out []logEntry
	lines := strings.Split(text, "\n")
	for i := 0; i+1 < len(lines); i++ {
		_, reason, ok := strings.Cut(lines[i], ": error: ")
		if !ok || !strings.HasPrefix(lines[i], "[") || !strings.HasPrefix(lines[i+1], command) {
			continue
		}
		e := logEntry{reason: strings.TrimSpace(reason), command: strings.TrimSpace(lines[i+1][len(command):]), column: -1}
		if i+2 < len(lines) && strings.TrimSpace(lines[i+2]) == "^" {
			e.column = max(-1, strings.IndexByte(lines[i+2], '^')-len(command))
		}
		out = append(out, e)
		i++
	}
	return out
}

// explain finds the newest entry of the error log about a line that was just
// refused. ok is false where the kernel has no log (before 5.3) or says
// nothing about the line.
func (d *Dir) explain(line string) (logEntry, bool) {
	b, err := fs.ReadFile(d.fsys, "error_log")
	if err != nil {
		return logEntry{}, false
	}
	entries := parseErrorLog(string(b))
	for i := len(entries) - 1; i >= 0; i-- {
		e := entries[i]
		// Kernels before 5.18 keep only the first 255 bytes of a command.
		if e.command == line || len(e.command) >= 200 && strings.HasPrefix(line, e.command) {
			return e, true
		}
	}
	return logEntry{}, false
}
