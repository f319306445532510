// rule: another initialiser of a thread-local variable: existing threads have run the old one
// changed: any
// changed[O0]:
// refused: constructor|tls-value *, constructor|tls-value *
// refused[O1,O2,O3]: constructor|tls-value *
#include "pair.h"
#if PATCH
thread_local int mine = use(4);
#else
thread_local int mine = use(3);
#endif
int f(int x) { return mine += x; }
