// rule: a static variable becomes one that others can see: it is the same variable
#include "pair.h"
#if !PATCH
static
#else
__attribute__((visibility("hidden")))
#endif
int state = 5;
ALONE int f(int x) { return state += use(x); }
