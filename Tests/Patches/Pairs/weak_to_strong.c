// rule: a weak function becomes an ordinary one: its code is the same, its callers' may be
// changed: any
// changed[gcc]:
#include "pair.h"
#if !PATCH
__attribute__((weak))
#endif
NOINLINE int f(int x) { return use(x); }
#if defined(__clang__)
int g(int x) { return f(x) + 1; }
#endif
