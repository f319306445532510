// rule: a second value takes the copy away or brings a second one: callers and function have changed together
// compilers: gcc
// changed: h
// changed[O2,O3]: f g h
#include "pair.h"
static NOINLINE int f(int x, int mode) {
  for (int i = 0; i < 3; i++) x += use(x) * mode + other(i);
  return x;
}
int g(int x) { return f(x, 5) + 1; }
#if PATCH
int h(int x) { return f(x + 1, x) * 2; }
#else
int h(int x) { return f(x + 1, 5) * 2; }
#endif
