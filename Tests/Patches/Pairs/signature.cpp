// rule: a function takes another type: in C++ that is another function
// changed: g(int)
// added: f(long)
// removed: f(int)
#include "pair.h"
#if PATCH
ALONE int f(long x) { return use(x) + 1; }
#else
ALONE int f(int x) { return use(x) + 1; }
#endif
int g(int x) { return f(x) + 1; }
