package tracefs

import (
	"fmt"
	"strconv"
	"strings"

	"gorecord/perfevent/near"
)

// Limits of the kernel (kernel/trace/trace_probe.h).
const (
	maxArgs      = 128
	maxArgLength = 63
	maxArgName   = 32
	maxElements  = 64
)

// ArgError says what is wrong with a fetch argument.
type ArgError struct {
	Arg    string
	Column int // the byte of Arg that the Reason is about, from 0
	Reason string
}

// Error gives one line, such as
//
//	argument a=%zz:s32, at %zz: no register of x86_64 has this name
func (e *ArgError) Error() string {
	at := e.Arg[min(e.Column, len(e.Arg)):]
	if e.Column == 0 || at == "" {
		return fmt.Sprintf("argument %s: %s", e.Arg, e.Reason)
	}
	return fmt.Sprintf("argument %s, column %d, at %s: %s", e.Arg, e.Column+1, at, e.Reason)
}

// CheckArgs checks fetch arguments as the kernel would (Documentation/trace/
// uprobetracer.rst and kprobetrace.rst of Linux 6.18), before anything is
// written. arch is what uname -m says; where its registers are not known, their
// names are left to the kernel. Errors are of type *ArgError. A nil error is no
// promise: names of symbols and newer forms are the kernel's to judge.
func CheckArgs(kind Kind, isReturn bool, arch string, args []string) error {
	if len(args) > maxArgs {
		return &ArgError{Arg: args[maxArgs], Reason: fmt.Sprintf("a probe has at most %d arguments", maxArgs)}
	}
	names := map[string]bool{}
	for i, arg := range args {
		c := argChecker{arg: arg, kind: kind, isReturn: isReturn, arch: arch}
		if err := c.check(); err != nil {
			return err
		}
		name := c.name
		if name == "" {
			name = fmt.Sprintf("arg%d", i+1)
		}
		if names[name] {
			return &ArgError{Arg: arg, Reason: fmt.Sprintf("the name %s is taken by another argument", name)}
		}
		names[name] = true
	}
	return nil
}

type argChecker struct {
	arg      string
	kind     Kind
	isReturn bool
	arch     string
	name     string
}

func (c *argChecker) fail(at int, format string, args ...any) error {
	return &ArgError{Arg: c.arg, Column: at, Reason: fmt.Sprintf(format, args...)}
}

func (c *argChecker) check() error {
	at := 0
	if name, _, ok := strings.Cut(c.arg, "="); ok && !strings.ContainsAny(name, `%$@+\(`) {
		if !IsIdentifier(name) || len(name) > maxArgName {
			return c.fail(0, "%q is no name: letters, digits and _, no digit first, at most %d", name, maxArgName)
		}
		if reservedArgs[name] {
			return c.fail(0, "the name %s is the kernel's own", name)
		}
		c.name, at = name, len(name)+1
	}
	body := c.arg[at:]
	if len(body) > maxArgLength {
		return c.fail(at, "it is longer than %d bytes", maxArgLength)
	}
	value, typ := body, ""
	if i := strings.LastIndexByte(body, ':'); i >= 0 && !strings.HasPrefix(body, `\"`) {
		value, typ = body[:i], body[i+1:]
		if err := c.checkType(at+i+1, typ, value); err != nil {
			return err
		}
	}
	return c.checkValue(at, value)
}

var reservedArgs = map[string]bool{
	"common_type": true, "common_flags": true, "common_preempt_count": true, "common_pid": true, "common_tgid": true,
	"__probe_ip": true, "__probe_ret_ip": true, "__probe_func": true,
}

// checkValue checks what to fetch, which begins at a column.
func (c *argChecker) checkValue(at int, s string) error {
	if s == "" {
		return c.fail(at, "nothing to fetch is named")
	}
	switch s[0] {
	case '%':
		return c.checkRegister(at, s[1:])
	case '$':
		return c.checkVariable(at, s[1:])
	case '@':
		return c.checkAddress(at, s[1:])
	case '+', '-':
		return c.checkMemory(at, s)
	case '\\':
		return c.checkImmediate(at, s[1:])
	}
	return c.fail(at, "no fetch argument begins so; they begin with %% (a register), $ (a variable), @ (an address), + or - (memory next to one) or \\ (a constant)")
}

func (c *argChecker) checkRegister(at int, name string) error {
	known := registers(c.arch)
	if known == nil {
		return nil
	}
	for _, r := range known {
		if r == name {
			return nil
		}
	}
	names := func(yield func(string) bool) {
		for _, r := range known {
			if !yield(r) {
				return
			}
		}
	}
	hint := near.Hint(near.Names(name, names, 3))
	if hint == "" {
		hint = "; registers are %" + strings.Join(known[:min(8, len(known))], ", %") + " and so on"
	}
	return c.fail(at, "%s has no register %s%s", c.arch, name, hint)
}

var (
	x86Registers = strings.Fields("ax bx cx dx si di bp sp ip flags cs ss r8 r9 r10 r11 r12 r13 r14 r15")
	armRegisters = func() []string {
		names := []string{"sp", "pc", "pstate", "lr"}
		for i := range 31 {
			names = append(names, "x"+strconv.Itoa(i))
		}
		return names
	}()
)

// registers are the kernel's names (regs_query_register_offset); nil where they
// are not known.
func registers(arch string) []string {
	switch arch {
	case "x86_64":
		return x86Registers
	case "aarch64":
		return armRegisters
	}
	return nil
}

func (c *argChecker) checkVariable(at int, name string) error {
	switch {
	case name == "retval":
		if !c.isReturn {
			return c.fail(at, "only returns have $retval")
		}
		return nil
	case name == "comm" || name == "COMM" || name == "stack":
		return nil
	case strings.HasPrefix(name, "stack"):
		if _, err := strconv.ParseUint(name[len("stack"):], 0, 16); err != nil {
			return c.fail(at, "behind $stack stands the number of a word, as in $stack2")
		}
		return nil
	case strings.HasPrefix(name, "arg") && c.kind == Kprobe:
		if n, err := strconv.Atoi(name[len("arg"):]); err != nil || n < 1 {
			return c.fail(at, "behind $arg stands a number from 1")
		}
		return nil
	case strings.HasPrefix(name, "arg"):
		return c.fail(at, "$argN is for the kernel's functions; in programs write the register, such as %%di for the first")
	}
	return c.fail(at, "it is no variable of the kernel's; those are $retval, $stack, $stackN and $comm")
}

func (c *argChecker) checkAddress(at int, s string) error {
	offset, isOffset := strings.CutPrefix(s, "+")
	if isOffset || s != "" && s[0] >= '0' && s[0] <= '9' {
		if isOffset && c.kind != Uprobe {
			return c.fail(at, "@+OFFSET is for files")
		}
		if _, err := strconv.ParseUint(offset, 0, 64); err != nil {
			return c.fail(at, "behind the @ stands no number")
		}
		return nil
	}
	if c.kind == Uprobe {
		return c.fail(at, "symbols are for the kernel; in programs write @+OFFSET, a position in the file")
	}
	return nil
}

// checkMemory checks [+|-][u]OFFSET(FETCHARG).
func (c *argChecker) checkMemory(at int, s string) error {
	open := strings.IndexByte(s, '(')
	if open < 0 {
		return c.fail(at, "behind the offset stands no (…) with what it is an offset from")
	}
	if !strings.HasSuffix(s, ")") {
		return c.fail(at+len(s), "a ) is missing")
	}
	digits := strings.TrimPrefix(s[1:open], "u")
	if _, err := strconv.ParseInt(digits, 0, 64); err != nil || digits == "" || digits[0] == '+' || digits[0] == '-' {
		return c.fail(at+1, "%q is no offset", digits)
	}
	inner := s[open+1 : len(s)-1]
	if strings.HasPrefix(inner, "$comm") || strings.HasPrefix(inner, "\\") {
		return c.fail(at+open+1, "this has no address")
	}
	return c.checkValue(at+open+1, inner)
}

func (c *argChecker) checkImmediate(at int, s string) error {
	if text, ok := strings.CutPrefix(s, `"`); ok {
		if !strings.HasSuffix(text, `"`) {
			return c.fail(at+len(s)+1, "the text has no end: a \" is missing")
		}
		return nil
	}
	if _, err := strconv.ParseInt(s, 0, 64); err != nil {
		if _, err := strconv.ParseUint(s, 0, 64); err != nil {
			return c.fail(at, "behind the \\ stands no number, and no text in quotes")
		}
	}
	return nil
}

// checkType checks a type, which begins at a column.
func (c *argChecker) checkType(at int, typ, value string) error {
	base, count, isArray := strings.Cut(typ, "[")
	if isArray {
		digits, ok := strings.CutSuffix(count, "]")
		n, err := strconv.ParseUint(digits, 0, 32)
		switch {
		case !ok:
			return c.fail(at+len(typ), "a ] is missing")
		case err != nil || n == 0 || n > maxElements:
			return c.fail(at+len(base)+1, "an array has 1 to %d elements", maxElements)
		case value == "" || value[0] != '+' && value[0] != '-' && value[0] != '@':
			return c.fail(at, "only memory holds an array")
		}
	}
	switch base {
	case "u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64", "x8", "x16", "x32", "x64", "char":
		return nil
	case "string", "ustring":
		if value == "$comm" || value == "$COMM" || strings.HasPrefix(value, `\"`) || value != "" && strings.IndexByte("+-@", value[0]) >= 0 {
			return nil
		}
		if c.kind == Kprobe && strings.HasPrefix(value, "$arg") {
			return nil
		}
		return c.fail(at, "a string is read from memory: write +0(%s):%s", value, base)
	case "symbol", "symstr", "%pd", "%pD":
		if c.kind == Kprobe {
			return nil
		}
		return c.fail(at, "%s is for the kernel's functions", base)
	}
	if strings.HasPrefix(base, "b") {
		return c.checkBits(at, base)
	}
	return c.fail(at, "it is no type; types are u8 to u64, s8 to s64, x8 to x64, char, string, ustring, b<width>@<offset>/<container>, and arrays of them")
}

func (c *argChecker) checkBits(at int, typ string) error {
	var width, offset, container int
	if n, _ := fmt.Sscanf(typ, "b%d@%d/%d", &width, &offset, &container); n != 3 || fmt.Sprintf("b%d@%d/%d", width, offset, container) != typ {
		return c.fail(at, "a bit-field is b<width>@<offset>/<container>, such as b3@5/32")
	}
	switch container {
	case 8, 16, 32, 64:
	default:
		return c.fail(at, "the container of a bit-field has 8, 16, 32 or 64 bits")
	}
	if width < 1 || offset < 0 || width+offset > container {
		return c.fail(at, "the bit-field is not within its container")
	}
	return nil
}
