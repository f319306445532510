// rule: a function that nobody calls any more is gone
// changed: g
// removed: f
#include "pair.h"
#if PATCH
int g(int x) { return use(x); }
#else
ALONE int f(int x) { return use(x) + 1; }
int g(int x) { return f(x); }
#endif
