// rule: landing pads for indirect branches, and the note that says so
// flags: -fcf-protection=full
// arches: x86_64
// changed: f
#include "pair.h"
int f(int x) {
#if PATCH
  if (x < 0) return 0;
#endif
  return use(x);
}
int g(int x) { return use(x) + 1; }
