// rule: a static local of an inline function: one for the whole program, by its name
// changed: helper(int)
#include "pair.h"
ALONE inline int helper(int x) {
  static int n = 3;
#if PATCH
  if (x < 0) return n;
#endif
  return n += use(x);
}
int f(int x) { return helper(x) + 1; }
