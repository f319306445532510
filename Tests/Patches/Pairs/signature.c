// rule: a function takes one argument more: it and all its callers have changed
// changed: f g h
#include "pair.h"
#if PATCH
static ALONE int f(int x, int y) { return use(x + y); }
int g(int x) { return f(x, 3); }
int h(int x) { return f(x, 5); }
#else
static ALONE int f(int x) { return use(x); }
int g(int x) { return f(x); }
int h(int x) { return f(x); }
#endif
int i(int x) { return use(x); }
