int renamed_old(int x) { return x; }
int renamed_new(int x) { return x + 1; }
__asm__(".symver renamed_old,renamed@V1");
__asm__(".symver renamed_new,renamed@@V2");
static int chosen_impl(void) { return 1; }
static void *chosen_resolver(void) { return chosen_impl; }
int chosen(void) __attribute__((ifunc("chosen_resolver")));
int variable = 1;
