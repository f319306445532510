// rule: gcc made two equal static functions one, of two names; the change makes them two: who called the second has changed too
// compilers: gcc
// changed: f
// changed[O2,O3]: f g i
#include "pair.h"
static NOINLINE int f(int x) {
#if PATCH
  if (x < 0) return 0;
#endif
  return use(x) * 3 + other(x);
}
static NOINLINE int g(int x) { return use(x) * 3 + other(x); }
int h(int x) { return f(x) + 1; }
int i(int x) { return g(x) + 2; }
