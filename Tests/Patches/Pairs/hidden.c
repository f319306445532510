// rule: everything hidden but one
// flags: -fvisibility=hidden
// changed: f
#include "pair.h"
int state = 3;
__attribute__((visibility("default"))) ALONE int f(int x) {
#if PATCH
  if (x < 0) return 0;
#endif
  return state += use(x);
}
ALONE int g(int x) { return f(x) + state; }
