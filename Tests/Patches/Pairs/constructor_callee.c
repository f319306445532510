// rule: what a constructor calls, and others perhaps too, changed
// changed: prepare
#include "pair.h"
int state;
ALONE int prepare(int x) {
#if PATCH
  return use(x) + 1;
#else
  return use(x);
#endif
}
__attribute__((constructor)) static void start(void) { state = prepare(1); }
int f(int x) { return state += x; }
