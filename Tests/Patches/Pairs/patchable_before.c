// rule: nops before the entry, which move the function within its section
// flags: -fpatchable-function-entry=9,4
// arches: x86_64 arm64
// changed: f
#include "pair.h"
static int f(int x) {
#if PATCH
  if (x < 0) return 0;
#endif
  return use(x);
}
int (*g(int x))(int) { return use(x) ? f : use; }
