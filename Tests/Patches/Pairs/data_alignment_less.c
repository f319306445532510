// rule: a variable of smaller alignment: nothing relies on more any longer
#include "pair.h"
#if !PATCH
__attribute__((aligned(256)))
#endif
int items[40] = {1};
int f(int x) { return items[x] += use(x); }
