package hit

// Description is what is known of the probes of a recording.
type Description struct {
	Events []Event `json:"events"`
	// Enums are lists of names that Value.Names refers to.
	Enums []Enum `json:"enums,omitempty"`
	// GoTypes are the dynamic types that interfaces of Go may hold, by the
	// ELF address of their table (itab) or type descriptor.
	GoTypes []GoType `json:"go_types,omitempty"`
}

// Event describes one event of probes. Its points agree in Values.
type Event struct {
	// Name is GROUP:EVENT as the recording has it.
	Name string `json:"name"`
	// Path and BuildID (hexadecimal) name the file that the points are in.
	Path    string `json:"path"`
	BuildID string `json:"build_id,omitempty"`
	// Return says that hits are returns: those of a uretprobe, or of points at
	// the instructions that return (AtReturns).
	Return    bool `json:"return,omitempty"`
	AtReturns bool `json:"at_returns,omitempty"`
	// Registers says that values come from the user registers of samples,
	// not from a tracepoint's raw data.
	Registers bool    `json:"registers,omitempty"`
	Points    []Point `json:"points"`
	Values    []Value `json:"values,omitempty"`
	// Goid, StackHi and SP name the raw fields with the number of the
	// goroutine, the upper end of its stack, and the stack pointer; "" where
	// hits do not have them.
	Goid    string `json:"goid,omitempty"`
	StackHi string `json:"stack_hi,omitempty"`
	SP      string `json:"sp,omitempty"`
}

// Point is one instruction.
type Point struct {
	// Function is the function's name as users see it, Entry the ELF address
	// of its entry, Addr that of the instruction, Offset the instruction's
	// place in the file.
	Function string `json:"function,omitempty"`
	Entry    uint64 `json:"entry,omitempty"`
	Addr     uint64 `json:"addr"`
	Offset   uint64 `json:"offset"`
	// File and Line are the source position, where known.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Inlined says that it is a copy of Function inlined into another one.
	Inlined string `json:"inlined_into,omitempty"`
}

// Kind says how a value's bytes are read.
type Kind string

// Kinds of values.
const (
	Int       Kind = "int"     // signed
	Uint      Kind = "uint"    // unsigned, decimal
	Hex       Kind = "hex"     // unsigned, as 0x…: pointers
	Bool      Kind = "bool"    // true, false
	Char      Kind = "char"    // a character code
	Float     Kind = "float"   // IEEE 754 of Size bytes (4, 8)
	EnumKind  Kind = "enum"    // Names[Names]
	Flags     Kind = "flags"   // an Enum whose names are bits
	Text      Kind = "text"    // a string field of the kernel, NUL-terminated
	String    Kind = "string"  // bytes of Source, as many as Length says (it may be more than were recorded)
	Struct    Kind = "struct"  // Members
	Array     Kind = "array"   // Members, or Length of them with Members[0] as the model
	Interface Kind = "iface"   // of Go: Members[0] is the table (or the type: Empty), [1] the data word, [2] the bytes of a string that it may point to
	Missing   Kind = "missing" // Why says why
)

// Value is an argument, a result, or a member of one.
type Value struct {
	Name string `json:"name"`
	// Type is how the source spells its type.
	Type string `json:"type,omitempty"`
	Kind Kind   `json:"kind"`
	// Source is the raw field that holds the bytes, or with Event.Registers
	// the register ("di", as perf names them); Offset is where in it they
	// begin, Size how many they are.
	Source string `json:"source,omitempty"`
	Offset int    `json:"offset,omitempty"`
	Size   int    `json:"size,omitempty"`
	// BitSize is above 0 for a bit-field, BitOffset bits above the lowest bit.
	BitOffset int `json:"bit_offset,omitempty"`
	BitSize   int `json:"bit_size,omitempty"`
	// Names is the number of the Enum, plus 1.
	Names   int     `json:"names,omitempty"`
	Length  *Value  `json:"length,omitempty"`
	Members []Value `json:"members,omitempty"`
	Empty   bool    `json:"empty,omitempty"`
	Why     string  `json:"why,omitempty"`
}

// Enum are names for values.
type Enum struct {
	Type  string     `json:"type"`
	Names []EnumName `json:"names"`
}

// EnumName is a name for a value.
type EnumName struct {
	Name  string `json:"name"`
	Value int64  `json:"value"`
}

// GoType is a dynamic type.
type GoType struct {
	Addr uint64 `json:"addr"`
	Name string `json:"name"`
	// Text says that a value of the type begins with a string, which is what
	// an error of it says (errors.errorString, fmt.wrapError).
	Text bool `json:"text,omitempty"`
}
