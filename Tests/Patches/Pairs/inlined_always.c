// rule: always inlined: the callers change at every level
// changed: f
#include "pair.h"
static inline __attribute__((always_inline)) int helper(int x) {
#if PATCH
  if (x > 1000) return 1000;
#endif
  return x * 3;
}
int f(int x) { return use(helper(x)); }
int h(int x) { return use(x); }
