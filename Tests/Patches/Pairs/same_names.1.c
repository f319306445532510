// rule: a static function and a static variable of names that same_names.2.c has too
// changed: helper
#include "pair.h"
static int state;
static ALONE int helper(int x) {
#if PATCH
  x &= 0xff;
#endif
  return state += use(x);
}
int first(int x) { return helper(x) + 1; }
