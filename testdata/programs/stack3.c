// stack3 N: main calls a, a calls b, b calls callee, N times, and prints
// nothing: a user stack of known frames under a probe that may fire a million
// times. Each function keeps its frame pointer and cannot be inlined.
#include <stdlib.h>

volatile unsigned long sink;

__attribute__((noinline)) void callee(unsigned long i) { sink += i; }

__attribute__((noinline)) void b(unsigned long i)
{
	callee(i);
	sink++; // not a tail call
}

__attribute__((noinline)) void a(unsigned long i)
{
	b(i);
	sink++;
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 0) : 1;

	for (unsigned long i = 0; i < n; i++)
		a(i);
	return 0;
}
