// rule: a better overload is added: the caller's code calls it
// changed: f(char)
// added: pick(char)
#include "pair.h"
ALONE int pick(int x) { return use(x); }
#if PATCH
ALONE int pick(char x) { return other(x); }
#endif
int f(char x) { return pick(x) + 1; }
int g(int x) { return pick(x) + 1; }
