#include <stdio.h>
#include <stdlib.h>
struct in { int x:3; unsigned y:5; long z; };
typedef struct node { struct node *next; struct in in; char name[16]; double d; } node_t;
enum color { RED, GREEN=5, BLUE=-1 };
static int __attribute__((noinline)) callee(int a, const char *s, node_t *n, enum color c) {
	static int counter;
	counter += a;
	return counter + n->in.x + s[0] + c;
}
static inline int sq(int v) { return v * v; }
int gl = 3;
long big(long a, long b, long c, long d, long e, long f, long g, double h)
{
	long r = a + b;
	for (int i = 0; i < c; i++) {
		int t = sq(i + gl);
		r += t * d;
	}
	printf("%ld %g\n", r + e + f + g, h);
	return r;
}
int main(int argc, char **argv)
{
	node_t n = {0};
	int x = callee(argc, argv[0], &n, GREEN);
	x += sq(argc);
	big(x, 2, 3, 4, 5, 6, 7, 8.5);
	return x;
}
