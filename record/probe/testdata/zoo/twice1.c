static __attribute__((noinline)) int helper(int x) { return x * 2; }
int other(int);
int start(void) { return helper(3) + other(2); }
