// rule: a variable that no function used is gone
// removed: unused
#include "pair.h"
#if !PATCH
int unused = 5;
#endif
int f(int x) { return use(x); }
