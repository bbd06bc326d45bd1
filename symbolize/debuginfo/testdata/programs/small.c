// A program without libraries, as a seed of fuzz tests.
struct node { struct node *next; int low : 3, high : 5; char name[8]; };
enum color { RED, GREEN = 5 };
int counter;
static inline int twice(int v) { return 2 * v; }
__attribute__((noinline)) int callee(int a, const char *s, struct node *n, enum color c)
{
	for (int i = 0; i < a; i++)
		counter += twice(s[i]) + c;
	return counter + n->high;
}
void _start(void)
{
	struct node n = { 0, 1, 2, "x" };
	callee(3, "abc", &n, GREEN);
	for (;;)
		;
}
