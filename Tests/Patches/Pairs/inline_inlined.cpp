// rule: an inline function that is inlined: callers change, and itself where it stands alone too
// changed: f(int) g(int)
// changed[O0]: helper(int)
#include "pair.h"
inline int helper(int x) {
#if PATCH
  if (x < 0) return 0;
#endif
  return x * 3;
}
int f(int x) { return use(helper(x)); }
int g(int x) { return use(helper(x) + 1); }
int h(int x) { return use(x); }
