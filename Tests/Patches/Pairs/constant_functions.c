// rule: a constant table of functions has another entry: its reader has changed
// changed: f
#include "pair.h"
static ALONE int a(int x) { return use(x) + 1; }
static ALONE int b(int x) { return other(x) + 2; }
#if PATCH
static int (*const handlers[])(int) = {a, b, b, a};
#else
static int (*const handlers[])(int) = {a, b, a, b};
#endif
int f(int i, int x) { return handlers[i](x); }
