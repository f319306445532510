// rule: a function moves to another section, its code is the same
#include "pair.h"
#if PATCH
__attribute__((section(".text.hot.f")))
#endif
int f(int x) { return use(x); }
int g(int x) { return use(x) + 1; }
