// rule: another initial value of a variable: the running program's is what it has become
// refused: data-value limit
#include "pair.h"
#if PATCH
int limit = 200;
#else
int limit = 100;
#endif
int f(int x) { return x < limit ? use(x) : 0; }
