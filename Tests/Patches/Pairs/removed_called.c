// rule: a function has moved to another file, and is still called
// removed: f
#include "pair.h"
#if PATCH
int f(int x);
#else
ALONE int f(int x) { return use(x) + 1; }
#endif
int g(int x) { return f(x) + 2; }
