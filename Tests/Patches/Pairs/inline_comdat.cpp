// rule: an inline function that stands in a group
// changed: helper(int)
#include "pair.h"
ALONE inline int helper(int x) {
#if PATCH
  if (x < 0) return 0;
#endif
  return use(x);
}
ALONE inline int same(int x) { return use(x) + 1; }
int f(int x) { return helper(x) + same(x); }
