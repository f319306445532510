// rule: a common variable of another size
// flags: -fcommon
// refused: data-size shared
#include "pair.h"
#if PATCH
int shared[3];
#else
int shared[2];
#endif
int f(int x) { return shared[x & 1] += use(x); }
