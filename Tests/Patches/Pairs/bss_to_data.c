// rule: from no initial value to one, and back
// refused: data-value now, data-value before
#include "pair.h"
#if PATCH
int now = 5, before = 0;
#else
int now = 0, before = 5;
#endif
int f(int x) { return now += before += use(x); }
