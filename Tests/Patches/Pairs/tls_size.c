// rule: a thread-local variable of another size
// changed[gcc,ppc64le,O0]: f
// refused: tls-size mine
#include "pair.h"
#if PATCH
_Thread_local int mine[6] = {1};
#else
_Thread_local int mine[4] = {1};
#endif
int f(int x) { return mine[x & 3] += use(x); }
