// Calls through every kind of PLT.
int puts(const char *);
int putchar(int);
void *address(void);
void taken(void);

static void one(void) {}
static void *resolve(void) { return one; }
void indirect(void) __attribute__((ifunc("resolve")));
extern void indirect_alias(void) __attribute__((alias("indirect")));

void *pointer = taken;

int caller(void)
{
	void (*volatile p)(void) = taken; // its address taken as well: .plt.got

	indirect();
	taken();
	p();
	return puts("x") + putchar('y') + (address() != 0);
}
