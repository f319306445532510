// rule: gcc knows which registers a static function leaves alone, and its callers rely on it
// compilers: gcc
// changed: f g
// changed[O0]: f
// changed[ppc64le]: f
// changed[arm64,O1]: f
#include "pair.h"
static NOINLINE int f(int x) {
#if PATCH
  return use(x) + 1;
#else
  return x * 17 + 1;
#endif
}
int g(int a, int b, int c) { return f(a) + b * c; }
