// rule: gcc inlines a function's first test into its callers and leaves the rest as a .part
// compilers: gcc
// changed: f
// changed[O3]: g h
#include "pair.h"
static int f(int x) {
  if (x < 0) return 0;
#if PATCH
  x += other(50);
#endif
  for (int i = 0; i < 10; i++) x += use(x) * other(i) + use(i - x);
  say("a long function"); say("which is not worth"); say("to be inlined whole");
  return x;
}
int g(int x) { return f(x) + f(x + 1); }
int h(int x) { return f(x + 2) * f(x + 3) + f(x + 4); }
int i(int x) { return use(x); }
