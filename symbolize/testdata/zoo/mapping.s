// Mapping symbols name nothing ($x, $d), on AArch64, RISC-V and, with Thumb
// code below, on Arm; a symbol that only starts alike is a symbol.
	.text
	.globl	_start
	.type	_start, %function
_start:
	.long	0
	.long	0
	.size	_start, 8
$d:
	.long	0
$d.17:
	.long	0
$x:
	.globl	second
	.type	second, %function
second:
	.long	0
	.long	0
	.size	second, 8
	.globl	$exact
	.type	$exact, %function
$exact:
	.long	0
	.long	0
	.size	$exact, 8
