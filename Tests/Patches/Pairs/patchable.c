// rule: patchable entries: their lists of addresses are no change
// flags: -fpatchable-function-entry=5
// arches: x86_64 arm64
// changed: f
// added: h
#include "pair.h"
int e(int x) { return use(x) + 2; }
int f(int x) {
#if PATCH
  if (x < 0) return 0;
#endif
  return use(x);
}
int g(int x) { return use(x) + 1; }
#if PATCH
int h(int x) { return use(x) + 9; }
#endif
