// rule: a new constructor would never run
// refused: constructor start
#include "pair.h"
int state;
#if PATCH
__attribute__((constructor)) static void start(void) { state = use(2); }
#endif
int f(int x) { return state += x; }
