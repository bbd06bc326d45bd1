// Two imported functions, called through the PLT (AArch64).
	.text
	.globl	caller
	.type	caller, %function
caller:
	bl	puts
	bl	putchar
	ret
	.size	caller, 12
