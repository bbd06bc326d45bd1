# Functions within functions: the innermost is wanted.
	.text
	.globl	_start
	.type	_start, @function
_start:	.zero	16
	.globl	inner
	.type	inner, @function
inner:	.zero	8
	.globl	innermost
	.type	innermost, @function
innermost:
	.zero	8
	.size	innermost, 8
	.zero	8
	.size	inner, 24
	.zero	24
	.size	_start, 64
	.section .note.GNU-stack, "", @progbits
