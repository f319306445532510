// rule: a variable of greater alignment: new code may rely on it, the running program's variable has not got it
// refused: data-alignment items
#include "pair.h"
#if PATCH
__attribute__((aligned(256)))
#endif
int items[40] = {1};
int f(int x) { return items[x] += use(x); }
