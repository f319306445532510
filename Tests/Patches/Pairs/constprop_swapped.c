// rule: two copies of one function for two values change users: which copy is meant decides, not its number
// compilers: gcc
// changed: g h
#include "pair.h"
static NOINLINE int f(int x, int mode) {
  for (int i = 0; i < 3; i++) x += use(x) * mode + other(i);
  for (int i = 0; i < 9; i++) x -= use(x) * mode + other(i + 7);
  return x;
}
#if PATCH
int g(int x) { return f(x, 7) + 1; }
int h(int x) { return f(x + 1, 5) * 2; }
#else
int g(int x) { return f(x, 5) + 1; }
int h(int x) { return f(x + 1, 7) * 2; }
#endif
