# Symbols of every kind that matters to the choice among them (x86-64).
	.text
	.globl	_start
	.type	_start, @function
_start:	ret				# no size: up to the next symbol
	.zero	7

# One address, several names: not weak wins over weak, then global over local.
	.weak	alias_weak_with_a_long_name
	.globl	alias_global
	.type	alias_weak_with_a_long_name, @function
	.type	alias_local_with_a_long_name, @function
	.type	alias_global, @function
alias_weak_with_a_long_name:
alias_local_with_a_long_name:
alias_global:
	.zero	16
	.size	alias_weak_with_a_long_name, 16
	.size	alias_local_with_a_long_name, 16
	.size	alias_global, 16

# Both global: fewer underscores at the start win, then the longer name.
	.globl	__underscores_and_longer
	.globl	_underscore
	.globl	plain
	.globl	plainer
	.type	__underscores_and_longer, @function
	.type	_underscore, @function
	.type	plain, @function
	.type	plainer, @function
__underscores_and_longer:
_underscore:
plainer:
plain:
	.zero	16
	.size	__underscores_and_longer, 16
	.size	_underscore, 16
	.size	plain, 16
	.size	plainer, 16

# A size wins over none, even that of a weak symbol.
	.weak	sized
	.type	sized, @function
	.type	unsized_local_with_a_long_name, @function
unsized_local_with_a_long_name:
sized:
	.zero	16
	.size	sized, 16

# But the last in the table without a size is extended, and then has one.
	.globl	unsized_global
	.type	sized_local_with_a_long_name, @function
	.type	unsized_global, @function
sized_local_with_a_long_name:
unsized_global:
	.zero	16
	.size	sized_local_with_a_long_name, 16

# No sizes at all: only the one that comes last in the table is extended.
	.globl	zero_a
	.globl	zero_bb
	.type	zero_a, @function
	.type	zero_bb, @function
zero_bb:
zero_a:
	.zero	16

# A gap that belongs to nobody.
	.globl	before_gap
	.type	before_gap, @function
before_gap:
	.zero	8
	.size	before_gap, 8
	.zero	24

# A label counts in sections whose name has "text" or "data" in it.
label_in_text:
	.zero	16
	.hidden	hidden_label
	.globl	hidden_label
hidden_label:
	.zero	16
	.globl	outer
	.type	outer, @function
outer:	.zero	16
	.size	outer, 16

# A table within code.
	.type	table_in_text, @object
table_in_text:
	.zero	32
	.size	table_in_text, 32

	.globl	indirect
	.type	indirect, @gnu_indirect_function
indirect:
	ret
	.zero	15
	.size	indirect, 16

	.section .code, "ax", @progbits
label_in_code:				# not counted: no "text" in ".code"
	.zero	16
	.globl	function_in_code
	.type	function_in_code, @function
function_in_code:
	.zero	16
	.size	function_in_code, 16

	.data
	.globl	variable
	.type	variable, @object
variable:
	.quad	indirect
	.size	variable, 8
label_in_data:
	.quad	0

	.bss
	.globl	zeroed
	.type	zeroed, @object
zeroed:	.zero	64
	.size	zeroed, 64

	.section .tbss, "awT", @nobits
	.globl	per_thread
	.type	per_thread, @object
per_thread:
	.zero	8
	.size	per_thread, 8

	.globl	absolute
	.set	absolute, 0x1234

	.section .not_loaded.text, "", @progbits
	.globl	function_not_loaded
	.type	function_not_loaded, @function
function_not_loaded:
	.zero	16
	.size	function_not_loaded, 16
	.section .note.GNU-stack, "", @progbits
