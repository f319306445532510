// rule: a weak function becomes an ordinary one: it is the same function
#include "pair.h"
#if !PATCH
__attribute__((weak))
#endif
ALONE int f(int x) { return use(x); }
int g(int x) { return f(x) + 1; }
