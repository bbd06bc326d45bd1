// recursion N calls descend N deep, and a function that is always inlined at two
// places.
#include <cstdio>
#include <cstdlib>
extern "C" {
__attribute__((noinline)) int descend(int n) { return n <= 1 ? 1 : 1 + descend(n - 1); }
}
static inline __attribute__((always_inline)) int twice(int n) { asm volatile("" : "+r"(n)); return 2 * n; }
int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 10;
	printf("%d %d %d\n", descend(n), twice(n), twice(n + 1));
}
