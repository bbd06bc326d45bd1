package format

import (
	"fmt"
	"strings"
)

// op says what a node computes.
type op uint8

const (
	opNumber  op = iota
	opUnknown    // a name that nothing tells the value of
	opString
	opField   // an integer field, or the bytes of an array or text
	opIndex   // kids: array field, index
	opUnary   // text: operator
	opBinary  // text: operator
	opChoose  // kids: condition, then, else
	opCast    // size, signed
	opDynamic // __get_dynamic_array, __get_str and the like: the field's data
	opDynamicLen
	opSymbolic // kids: value; list
	opFlags    // kids: value; text: delimiter; list
	opHex      // kids: data, length; text: separator
	opArray    // kids: data, count, element size
	opBitmask
	opNsToSecs
	opNsRest
	opSockaddr
)

// node is a part of a compiled expression.
type node struct {
	op     op
	num    uint64
	text   string
	field  *Field
	size   int
	signed bool
	kids   []*node
	list   []named
}

// named is an entry of __print_symbolic and __print_flags.
type named struct {
	value uint64
	name  string
}

// maxDepth bounds the nesting of expressions.
const maxDepth = 200

// parser turns tokens into nodes.
type parser struct {
	event  *Event
	tokens []token
	at     int
	depth  int
	long   int
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) is(op string) bool { t := p.peek(); return t.kind == 'o' && t.text == op }

func (p *parser) accept(op string) bool {
	if p.is(op) {
		p.at++
		return true
	}
	return false
}

func (p *parser) expect(op string) error {
	if !p.accept(op) {
		return fmt.Errorf("%q in place of %q", p.peek().text, op)
	}
	return nil
}

// expression is an assignment-free C expression.
func (p *parser) expression() (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, fmt.Errorf("expressions nested more than %d deep", maxDepth)
	}
	defer func() { p.depth-- }()
	cond, err := p.binary(0)
	if err != nil || !p.accept("?") {
		return cond, err
	}
	then, err := p.expression()
	if err != nil {
		return nil, err
	}
	if err := p.expect(":"); err != nil {
		return nil, err
	}
	other, err := p.expression()
	if err != nil {
		return nil, err
	}
	return &node{op: opChoose, kids: []*node{cond, then, other}}, nil
}

// levels are the binary operators by precedence, weakest first.
var levels = [][]string{
	{"||"}, {"&&"}, {"|"}, {"^"}, {"&"}, {"==", "!="}, {"<=", ">=", "<", ">"}, {"<<", ">>"}, {"+", "-"}, {"*", "/", "%"},
}

func (p *parser) binary(level int) (*node, error) {
	if level == len(levels) {
		return p.unary()
	}
	left, err := p.binary(level + 1)
	for err == nil {
		operator := ""
		for _, o := range levels[level] {
			if p.accept(o) {
				operator = o
				break
			}
		}
		if operator == "" {
			return left, nil
		}
		var right *node
		right, err = p.binary(level + 1)
		left = &node{op: opBinary, text: operator, kids: []*node{left, right}}
	}
	return nil, err
}

func (p *parser) unary() (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, fmt.Errorf("expressions nested more than %d deep", maxDepth)
	}
	defer func() { p.depth-- }()
	for _, o := range []string{"!", "~", "-", "+", "&", "*"} {
		if !p.accept(o) {
			continue
		}
		kid, err := p.unary()
		if o == "+" || o == "&" {
			return kid, err // an address stands for what lies there
		}
		if o == "*" {
			return &node{op: opIndex, kids: []*node{kid, {op: opNumber}}}, err
		}
		return &node{op: opUnary, text: o, kids: []*node{kid}}, err
	}
	if p.is("(") {
		if size, signed, n := p.castAhead(); n > 0 {
			p.at += n
			kid, err := p.unary()
			if err != nil {
				return nil, err
			}
			if isData(kid) {
				return kid, nil // (char *)REC->data and the like change nothing
			}
			return &node{op: opCast, size: size, signed: signed, kids: []*node{kid}}, nil
		}
	}
	return p.postfix()
}

func isData(n *node) bool {
	return n.op == opDynamic || n.op == opField && n.field.Kind != Integer
}

// castAhead looks for a type in parentheses; n is its number of tokens.
func (p *parser) castAhead() (size int, signed bool, n int) {
	var words []string
	pointer := false
	i := p.at + 1
	for ; ; i++ {
		t := p.tokens[i]
		switch {
		case t.kind == 'i' && !pointer:
			words = append(words, t.text)
			continue
		case t.kind == 'o' && t.text == "*" && len(words) > 0:
			pointer = true
			continue
		}
		break
	}
	if t := p.tokens[i]; len(words) == 0 || t.kind != 'o' || t.text != ")" {
		return 0, false, 0
	}
	next := p.tokens[i+1]
	if next.kind == 0 || next.kind == 'o' && !strings.Contains("(~!-&*", next.text) {
		return 0, false, 0
	}
	if pointer || words[0] == "struct" || words[0] == "union" {
		return p.long, false, i + 1 - p.at
	}
	if words[0] == "enum" {
		return 4, true, i + 1 - p.at
	}
	size, signed, ok := integerType(strings.Join(words, " "), p.long)
	switch {
	case ok:
	case len(words) == 1 && (next.kind != 'o' || next.text == "("):
		size, signed = 8, false // a type that nobody told the size of: the value stays
	default:
		return 0, false, 0
	}
	return size, signed, i + 1 - p.at
}

func (p *parser) postfix() (*node, error) {
	n, err := p.primary()
	for err == nil && p.accept("[") {
		var index *node
		if index, err = p.expression(); err == nil {
			err = p.expect("]")
		}
		n = &node{op: opIndex, kids: []*node{n, index}}
	}
	return n, err
}

func (p *parser) primary() (*node, error) {
	t := p.peek()
	switch {
	case t.kind == 'n':
		p.at++
		return &node{op: opNumber, num: t.num, signed: !strings.ContainsAny(t.text, "uU")}, nil
	case t.kind == 's':
		p.at++
		return &node{op: opString, text: t.text}, nil
	case p.accept("("):
		n, err := p.expression()
		if err == nil {
			err = p.expect(")")
		}
		return n, err
	case t.kind == 'i' && t.text == "REC":
		p.at++
		return p.record()
	case t.kind == 'i':
		p.at++
		if p.accept("(") {
			return p.call(t.text)
		}
		// Enumerators that the kernel did not replace by their values count as
		// 0, as in perf; as entries of lists they match nothing.
		if v, ok := enumerators[t.text]; ok {
			return &node{op: opNumber, num: v}, nil
		}
		return &node{op: opUnknown}, nil
	}
	return nil, fmt.Errorf("%q where a value should be", t.text)
}

// enumerators are names whose values old kernels did not tell but readers know.
var enumerators = map[string]uint64{
	"HI_SOFTIRQ": 0, "TIMER_SOFTIRQ": 1, "NET_TX_SOFTIRQ": 2, "NET_RX_SOFTIRQ": 3, "BLOCK_SOFTIRQ": 4,
	"IRQ_POLL_SOFTIRQ": 5, "TASKLET_SOFTIRQ": 6, "SCHED_SOFTIRQ": 7, "HRTIMER_SOFTIRQ": 8, "RCU_SOFTIRQ": 9,
	"HRTIMER_NORESTART": 0, "HRTIMER_RESTART": 1,
}

// record is what follows REC.
func (p *parser) record() (*node, error) {
	if err := p.expect("->"); err != nil {
		return nil, err
	}
	f, err := p.fieldName()
	if err != nil {
		return nil, err
	}
	return &node{op: opField, field: f}, nil
}

func (p *parser) fieldName() (*Field, error) {
	t := p.peek()
	if t.kind != 'i' {
		return nil, fmt.Errorf("%q where a field should be", t.text)
	}
	p.at++
	f := p.event.Field(t.text)
	if f == nil {
		return nil, fmt.Errorf("unknown field %q", t.text)
	}
	return f, nil
}

// call parses the arguments of one of the kernel's print helpers; the opening
// parenthesis has been read.
func (p *parser) call(name string) (*node, error) {
	var n *node
	var err error
	switch name {
	case "__get_str", "__get_rel_str", "__get_dynamic_array", "__get_rel_dynamic_array":
		n, err = p.dynamic(opDynamic)
	case "__get_dynamic_array_len", "__get_rel_dynamic_array_len":
		n, err = p.dynamic(opDynamicLen)
	case "__get_bitmask", "__get_rel_bitmask", "__get_cpumask", "__get_rel_cpumask":
		n, err = p.dynamic(opBitmask)
	case "__get_sockaddr", "__get_rel_sockaddr", "__get_sockaddr_rel":
		n, err = p.dynamic(opSockaddr)
	case "__print_symbolic", "__print_symbolic_u64":
		n, err = p.listed(opSymbolic)
	case "__print_flags", "__print_flags_u64":
		n, err = p.listed(opFlags)
	case "__print_hex", "__print_hex_str", "__print_array":
		n, err = p.bytes(name)
	case "__print_ns_to_secs":
		n, err = p.wrapped(opNsToSecs)
	case "__print_ns_without_secs":
		n, err = p.wrapped(opNsRest)
	case "sizeof":
		n, err = p.sizeof()
	case "__builtin_expect":
		if n, err = p.expression(); err == nil && p.accept(",") {
			_, err = p.expression()
		}
	default:
		return nil, fmt.Errorf("unknown function %q", name)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return n, p.expect(")")
}

func (p *parser) wrapped(o op) (*node, error) {
	kid, err := p.expression()
	return &node{op: o, kids: []*node{kid}}, err
}

func (p *parser) dynamic(o op) (*node, error) {
	f, err := p.fieldName()
	return &node{op: o, field: f}, err
}

// listed parses value, for flags a delimiter, and { number, "name" } entries.
func (p *parser) listed(o op) (*node, error) {
	value, err := p.expression()
	if err != nil {
		return nil, err
	}
	n := &node{op: o, kids: []*node{value}}
	if o == opFlags {
		if err := p.expect(","); err != nil {
			return nil, err
		}
		t := p.peek()
		if t.kind != 's' {
			return nil, fmt.Errorf("%q where a delimiter should be", t.text)
		}
		n.text = t.text
		p.at++
	}
	for p.accept(",") {
		if err := p.expect("{"); err != nil {
			return nil, err
		}
		if p.accept("}") {
			continue // a list without entries
		}
		number, err := p.expression()
		if err != nil {
			return nil, err
		}
		if err := p.expect(","); err != nil {
			return nil, err
		}
		name, err := p.expression()
		if err != nil {
			return nil, err
		}
		if err := p.expect("}"); err != nil {
			return nil, err
		}
		value, ok := constant(number)
		if name.op != opString || !ok {
			continue // { 0, NULL } at the end, and values that nobody told
		}
		n.list = append(n.list, named{value, name.text})
	}
	return n, nil
}

// constant computes an expression without fields.
func constant(n *node) (uint64, bool) {
	switch n.op {
	case opField, opDynamic, opDynamicLen, opIndex, opString, opUnknown:
		return 0, false
	}
	for _, k := range n.kids {
		if _, ok := constant(k); !ok {
			return 0, false
		}
	}
	var m machine
	return m.eval(n).num, true
}

func (p *parser) bytes(name string) (*node, error) {
	n := &node{op: opHex, text: " "}
	switch name {
	case "__print_hex_str":
		n.text = ""
	case "__print_array":
		n.op = opArray
	}
	for {
		kid, err := p.expression()
		if err != nil {
			return nil, err
		}
		n.kids = append(n.kids, kid)
		if !p.accept(",") {
			break
		}
	}
	if want := map[op]int{opHex: 2, opArray: 3}[n.op]; len(n.kids) != want {
		return nil, fmt.Errorf("%d arguments, want %d", len(n.kids), want)
	}
	return n, nil
}

func (p *parser) sizeof() (*node, error) {
	var words []string
	for p.peek().kind == 'i' && p.peek().text != "REC" {
		words = append(words, p.peek().text)
		p.at++
	}
	if len(words) > 0 {
		name := strings.Join(words, " ")
		if p.accept("*") {
			name += "*"
		}
		size, _, ok := integerType(name, p.long)
		if !ok {
			return nil, fmt.Errorf("unknown type %q", name)
		}
		return &node{op: opNumber, num: uint64(size)}, nil
	}
	n, err := p.expression()
	if err != nil {
		return nil, err
	}
	if n.op != opField {
		return nil, fmt.Errorf("of an expression")
	}
	return &node{op: opNumber, num: uint64(n.field.Size)}, nil
}
