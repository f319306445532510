// rule: a writable table of functions has another entry
// refused: data-value handlers
#include "pair.h"
int a(int x) { return use(x); }
int b(int x) { return other(x); }
#if PATCH
int (*handlers[])(int) = {a, b, b};
#else
int (*handlers[])(int) = {a, b, a};
#endif
int f(int i, int x) { return handlers[i](x); }
