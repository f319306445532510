// rule: a function of greater alignment is the same function
#include "pair.h"
#if PATCH
__attribute__((aligned(64)))
#endif
int f(int x) { return use(x); }
int g(int x) { return use(x) + 1; }
