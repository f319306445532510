// rule: a thread-local variable starts with another value: existing threads have the old one
// refused: tls-value mine
#include "pair.h"
#if PATCH
_Thread_local int mine = 4;
#else
_Thread_local int mine = 3;
#endif
int f(int x) { return mine += use(x); }
