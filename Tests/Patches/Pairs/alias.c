// rule: a changed function of two names is one function
// changed: f
#include "pair.h"
ALONE int f(int x) {
#if PATCH
  if (x < 0) return 0;
#endif
  return use(x);
}
int zed(int) __attribute__((alias("f")));
int g(int x) { return use(x) + zed(x); }
