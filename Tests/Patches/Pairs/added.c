// rule: new functions, one exported, one not, and their caller
// changed: g
// added: e f
#include "pair.h"
#if PATCH
ALONE int e(int x) { return use(x) - 1; }
static ALONE int f(int x) { return e(x) + 1; }
int g(int x) { return f(x); }
#else
int g(int x) { return use(x); }
#endif
int h(int x) { return use(x); }
