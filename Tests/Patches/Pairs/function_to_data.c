// rule: a function's name becomes a variable's
// changed: f
// refused: symbol-kind thing
#include "pair.h"
#if PATCH
int thing = 3;
int f(int x) { return use(x) + thing; }
#else
int thing(void) { return use(3); }
int f(int x) { return use(x) + thing(); }
#endif
