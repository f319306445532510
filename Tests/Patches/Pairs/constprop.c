// rule: gcc makes a copy of a function for one value of an argument: it counts as the function
// compilers: gcc
// changed: f
// changed[O1]: f
#include "pair.h"
static NOINLINE int f(int x, int mode) {
#if PATCH
  if (x == 12345) return 7;
#endif
  for (int i = 0; i < 3; i++) x += use(x) * mode + other(i);
  return x;
}
int g(int x) { return f(x, 5) + 1; }
int h(int x) { return f(x + 1, 5) * 2; }
