// rule: a changed function that is inlined changes its callers; without optimisation only itself
// changed: f g
// changed[O0]: helper
#include "pair.h"
static inline int helper(int x) {
#if PATCH
  if (x > 1000) return 1000;
#endif
  return x * 3;
}
int f(int x) { return use(helper(x)); }
int g(int x) { return use(helper(x + 1)) + 1; }
int h(int x) { return use(x); }
