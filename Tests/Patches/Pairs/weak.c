// rule: a weak function changed
// changed: f
#include "pair.h"
__attribute__((weak)) int f(int x) {
#if PATCH
  if (x < 0) return 0;
#endif
  return use(x);
}
int g(int x) { return f(x) + 1; }
