package usdt

import (
	"debug/elf"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// FetchArgs gives the marker's arguments in the language of the kernel's probes,
// named arg1, arg2 and so on. Those that it cannot express are left out, and the
// error says which and why.
func (m *Marker) FetchArgs() ([]string, error) {
	var out []string
	var problems []string
	for i, text := range split(m.Args) {
		name := fmt.Sprintf("arg%d", i+1)
		value, typ, err := m.fetch(text)
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s (%s) %v", name, text, err))
			continue
		}
		out = append(out, name+"="+value+":"+typ)
	}
	if len(problems) > 0 {
		return out, fmt.Errorf("of the marker's arguments %s", strings.Join(problems, ", "))
	}
	return out, nil
}

// split splits at white space outside of brackets.
func split(s string) []string {
	depth := 0
	return strings.FieldsFunc(s, func(c rune) bool {
		switch c {
		case '(', '[':
			depth++
		case ')', ']':
			depth--
		}
		return c == ' ' && depth <= 0
	})
}

var (
	sized    = regexp.MustCompile(`^(-?)([1248])(f?)@(.+)$`)
	constant = regexp.MustCompile(`^\$?(-?(?:0x[0-9a-fA-F]+|[0-9]+))$`)
	x86Reg   = regexp.MustCompile(`^%([a-z0-9]+)$`)
	x86Mem   = regexp.MustCompile(`^(-?(?:0x[0-9a-fA-F]+|[0-9]+))?\(%([a-z0-9]+)\)$`)
	armReg   = regexp.MustCompile(`^([xw][0-9]+|sp)$`)
	armMem   = regexp.MustCompile(`^\[([x][0-9]+|sp)(?:, *#?(-?[0-9]+))?\]$`)
)

// fetch translates one argument, [-]SIZE@OPERAND.
func (m *Marker) fetch(text string) (value, typ string, err error) {
	f := sized.FindStringSubmatch(text)
	if f == nil {
		return "", "", fmt.Errorf("has no size that is known")
	}
	bits, _ := strconv.Atoi(f[2])
	typ = "u" + strconv.Itoa(bits*8)
	if f[1] == "-" {
		typ = "s" + typ[1:]
	}
	if f[3] != "" {
		typ = "x" + typ[1:]
	}
	operand := f[4]
	if c := constant.FindStringSubmatch(operand); c != nil && (m.Machine != elf.EM_X86_64 || operand[0] == '$') {
		return "\\" + c[1], typ, nil
	}
	reg, offset, memory, err := m.operand(operand)
	switch {
	case err != nil:
		return "", "", err
	case memory:
		return fmt.Sprintf("%+d(%%%s)", offset, reg), typ, nil
	}
	return "%" + reg, typ, nil
}

func (m *Marker) operand(s string) (reg string, offset int64, memory bool, err error) {
	switch m.Machine {
	case elf.EM_X86_64:
		if r := x86Reg.FindStringSubmatch(s); r != nil {
			reg, err = x86Register(r[1])
			return reg, 0, false, err
		}
		if r := x86Mem.FindStringSubmatch(s); r != nil {
			if r[1] != "" {
				offset, err = strconv.ParseInt(r[1], 0, 64)
			}
			if err == nil {
				reg, err = x86Register(r[2])
			}
			return reg, offset, true, err
		}
		if strings.Contains(s, "(%rip)") {
			return "", 0, false, fmt.Errorf("lies in a variable, which is not supported")
		}
	case elf.EM_AARCH64:
		if armReg.MatchString(s) {
			return strings.Replace(s, "w", "x", 1), 0, false, nil
		}
		if r := armMem.FindStringSubmatch(s); r != nil {
			if r[2] != "" {
				offset, err = strconv.ParseInt(r[2], 10, 64)
			}
			return r[1], offset, true, err
		}
	default:
		return "", 0, false, fmt.Errorf("is for %v, whose operands are not known", m.Machine)
	}
	return "", 0, false, fmt.Errorf("is more than a register or memory next to one")
}

// x86Register gives the kernel's name of the whole register that a part belongs
// to; the upper byte of one (%ah) has none.
func x86Register(name string) (string, error) {
	for whole, parts := range map[string]string{
		"ax": "rax eax ax al", "bx": "rbx ebx bx bl", "cx": "rcx ecx cx cl", "dx": "rdx edx dx dl",
		"si": "rsi esi si sil", "di": "rdi edi di dil", "bp": "rbp ebp bp bpl", "sp": "rsp esp sp spl",
	} {
		for part := range strings.FieldsSeq(parts) {
			if part == name {
				return whole, nil
			}
		}
	}
	if number, ok := strings.CutPrefix(name, "r"); ok {
		number = strings.TrimRight(number, "dwb")
		if n, err := strconv.Atoi(number); err == nil && n >= 8 && n <= 15 {
			return "r" + number, nil
		}
	}
	if strings.HasPrefix(name, "xmm") {
		return "", fmt.Errorf("lies in a vector register, which the kernel reads in no probe")
	}
	return "", fmt.Errorf("lies in %%%s, which the kernel reads in no probe", name)
}
