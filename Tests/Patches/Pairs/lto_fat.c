// rule: an object that holds both is linked from its intermediate code
// flags: -flto -ffat-lto-objects
// arches: x86_64
// compilers: gcc
// levels: O2
// refused: lto *
#include "pair.h"
int f(int x) {
#if PATCH
  if (x < 0) return 0;
#endif
  return use(x);
}
