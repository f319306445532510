// rule: calls through the GOT
// flags: -fno-plt
// arches: x86_64
// changed: f
#include "pair.h"
int f(int x) {
#if PATCH
  return other(x) + 1;
#else
  return use(x) + 1;
#endif
}
int g(int x) { return use(x) + 1; }
