// rule: a variable becomes thread-local
// changed: f
// refused: symbol-kind|tls-new state
#include "pair.h"
#if PATCH
_Thread_local int state = 1;
#else
int state = 1;
#endif
int f(int x) { return state += use(x); }
