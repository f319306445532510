// rule: a constructor changed: it has run
// refused: constructor start
#include "pair.h"
int state;
__attribute__((constructor)) static void start(void) {
#if PATCH
  state = use(2);
#else
  state = use(1);
#endif
}
int f(int x) { return state += x; }
