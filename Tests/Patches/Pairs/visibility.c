// rule: hidden, then visible: the function is as it was
#include "pair.h"
#if PATCH
__attribute__((visibility("default")))
#else
__attribute__((visibility("hidden")))
#endif
int f(int x) { return use(x); }
__attribute__((visibility("protected"))) int g(int x) { return use(x) + 1; }
