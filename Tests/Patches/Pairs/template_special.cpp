// rule: a specialisation is added
// changed: _Z5twiceIlET_S0_
#include "pair.h"
template <class T> ALONE T twice(T x) { return x + use(x); }
#if PATCH
template <> ALONE inline long twice<long>(long x) { return x * 2; }
#endif
ALONE int f(int x) { return twice(x); }
ALONE long g(int x) { return twice((long)x) + use(1); }
