// rule: one of several functions changed
// flags: -g
// changed: f
#include "pair.h"
ALONE int f(int x) {
#if PATCH
  if (x < 0) return -1;
#endif
  return use(x) + 1;
}
ALONE int g(int x) { return f(x) + 2; }
ALONE int h(int x) { return g(x) * f(x + 1); }
