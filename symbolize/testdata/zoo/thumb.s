@ Bit 0 of a Thumb function's symbol is not part of its address.
	.syntax	unified
	.text
	.globl	_start
	.type	_start, %function
	.thumb_func
	.thumb
_start:
	nop
	nop
	.size	_start, 4
	.globl	in_arm
	.type	in_arm, %function
	.arm
	.balign	4
in_arm:	nop
	nop
	.size	in_arm, 8
