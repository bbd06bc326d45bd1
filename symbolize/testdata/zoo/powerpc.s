# Big-endian, 32 bits.
	.text
	.globl	_start
	.type	_start, @function
_start:	nop
	blr
	.size	_start, 8
	.globl	second
	.type	second, @function
second:	nop
	blr
	.size	second, 8
	.data
	.globl	variable
	.type	variable, @object
variable:
	.long	7
	.size	variable, 4
