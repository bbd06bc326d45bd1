#include <stdio.h>
#include "sub/inline.h"
int g;
int
work(int a,
     int b)
{
	int i, s = 0;
	for (i = 0; i < a; i++)
		s += inl(i) + b;
	if (s > 3) { int q = s * 2; g += q; }
	return s;
}
void oneline(void) { printf("x\n"); }
int main(int argc, char **argv)
{
	int r = work(argc, 3);
	r += inl(r);
	oneline();
	return r + g;
}
