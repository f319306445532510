// rule: an object of link-time optimisation holds no code that the program runs
// flags: -flto
// arches: x86_64
// levels: O2
// refused: lto *
#include "pair.h"
int f(int x) {
#if PATCH
  if (x < 0) return 0;
#endif
  return use(x);
}
