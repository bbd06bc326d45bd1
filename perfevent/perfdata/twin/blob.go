package twin

import "strconv"

const (
	textRun   = 24 // printable bytes in a row that are shown as text
	textWidth = 96
)

// blobTokens shows bytes of unknown structure: as hex, and long runs of
// printable ones as strings that end with their lines.
func blobTokens(b []byte) []string {
	var toks []string
	start := 0 // of the bytes not shown yet
	for i := 0; i < len(b); {
		n := printable(b[i:])
		if n < textRun {
			i += n + 1
			continue
		}
		toks = append(toks, hexTokens(b[start:i])...)
		toks = append(toks, textTokens(b[i:i+n])...)
		i += n
		start = i
	}
	return append(toks, hexTokens(b[start:])...)
}

func printable(b []byte) int {
	for i, c := range b {
		if (c < ' ' || c > '~') && c != '\n' && c != '\t' {
			return i
		}
	}
	return len(b)
}

func textTokens(b []byte) []string {
	var toks []string
	for len(b) > 0 {
		n := 0
		for n < len(b) && n < textWidth {
			n++
			if b[n-1] == '\n' {
				break
			}
		}
		toks = append(toks, strconv.Quote(string(b[:n])))
		b = b[n:]
	}
	return toks
}
