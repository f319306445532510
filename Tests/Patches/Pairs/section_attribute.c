// rule: a function in a section that the source names
// changed: f
#include "pair.h"
__attribute__((section(".text.mine"))) ALONE int f(int x) {
#if PATCH
  if (x < 0) return 0;
#endif
  return use(x);
}
int g(int x) { return f(x) + use(x); }
