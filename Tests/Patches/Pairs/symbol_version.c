// rule: assembly at file level that only gives a function a versioned name
// models: pic
// changed: old
#include "pair.h"
ALONE int old(int x) {
#if PATCH
  if (x < 0) return 0;
#endif
  return use(x);
}
__asm__(".symver old, f@V1");
int g(int x) { return use(x) + 1; }
