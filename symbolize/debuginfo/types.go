package debuginfo

// Kind says what a type's values are.
type Kind uint8

// Kinds of types. Typedefs and qualifiers are looked through; the name that the
// source uses stays in Type.Name.
const (
	Unknown Kind = iota
	Void
	Bool
	Int       // signed
	Uint      // unsigned
	Char      // a character of one byte, or a Rust char or C++ charNN_t of Size bytes
	Float     // IEEE 754, or x87's in 16 bytes (Size 16 and Name "long double")
	Complex   // two Floats of half the Size
	Enum      // Enumerators; Signed says how to read others
	Pointer   // Elem; nil for void *
	Reference // C++'s; Elem
	Struct    // Members; classes, too
	Union     // Members
	Array     // Elem, Count (-1: not known)
	Func      // code

	// Kinds that several languages build from structs; Members are there, too.
	GoString    // str, len
	GoSlice     // array, len, cap; Elem
	GoInterface // tab or _type, data; Empty says which
	GoMap
	GoChan
	CPPString  // std::string and std::string_view of libstdc++; Elem is the character
	RustStr    // &str: data_ptr, length
	RustString // String
	RustSlice  // &[T]; Elem
	RustEnum   // an enum with data; Variants
)

// Type is a type. Types refer to each other, in circles, too.
type Type struct {
	Kind Kind
	// Name is how the source spells it ("const char *", "uint32_t",
	// "[]main.T"), "" for one without a name.
	Name string
	// Size is in bytes, -1 where it is not known.
	Size   int64
	Signed bool // of Char and Enum
	Elem   *Type
	Count  int64
	// Members are in the order of the source; base classes come first and
	// have Embedded set.
	Members     []Member
	Enumerators []Enumerator
	// Discriminant says which of the Variants of a RustEnum a value is; nil
	// where there is only one.
	Discriminant *Member
	Variants     []Variant
	// Empty says that a GoInterface has no methods (interface{}): its first
	// word is the type, not a table of methods.
	Empty bool
	// ByReference says that a class is passed by its address, whatever its
	// size, because copying it takes more than copying its bytes
	// (DW_CC_pass_by_reference).
	ByReference bool
}

// Member is a member of a Struct or Union.
type Member struct {
	Name   string
	Type   *Type
	Offset int64 // in bytes
	// BitSize is above 0 for a bit-field, whose lowest bit is BitOffset bits
	// above that of the little-endian integer of Type.Size bytes at Offset.
	BitOffset, BitSize int
	Embedded           bool
}

// Enumerator is a name for a value of an Enum.
type Enumerator struct {
	Name  string
	Value int64
}

// Variant is one of the forms that a value of a Rust enum has. Its Member's Name
// is the source's; the fields are those of the Member's Type.
type Variant struct {
	// Value is what the discriminant has then. The Default variant is that of
	// all values that no other one has.
	Value   int64
	Default bool
	Member  Member
}
