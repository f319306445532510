// rule: gcc knows which registers a static function leaves alone, and its callers rely on it
// compilers: gcc
// changed: any
// changed[O0]: f
#include "pair.h"
static NOINLINE int f(int x) {
#if PATCH
  return use(x) + 1;
#else
  return x * 17 + 1;
#endif
}
int g(int a, int b, int c) { return f(a) + b * c; }
