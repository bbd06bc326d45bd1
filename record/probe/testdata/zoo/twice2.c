static __attribute__((noinline)) int helper(int x) { return x * 3; }
int other(int x) { return helper(x); }
