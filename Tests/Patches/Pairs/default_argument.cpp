// rule: a default argument changed: its callers have
// changed: f(int)
#include "pair.h"
#if PATCH
int deep(int x, int y = 4);
#else
int deep(int x, int y = 3);
#endif
int f(int x) { return deep(x) + 1; }
int g(int x) { return deep(x, 3) + 1; }
