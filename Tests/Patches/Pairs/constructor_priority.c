// rule: a constructor would run at another time
// refused: constructor start
#include "pair.h"
int state;
#if PATCH
__attribute__((constructor(200)))
#else
__attribute__((constructor(300)))
#endif
static void start(void) { state = use(2); }
int f(int x) { return state += x; }
