// rule: a destructor changed, which is still to run
// changed: stop
#include "pair.h"
int state;
__attribute__((destructor)) static void stop(void) {
#if PATCH
  state = use(2);
#else
  state = use(1);
#endif
}
int f(int x) { return state += x; }
