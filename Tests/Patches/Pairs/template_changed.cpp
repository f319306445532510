// rule: a function template changed: each of its instances
// changed: _Z5twiceIiET_S0_ _Z5twiceIlET_S0_
#include "pair.h"
template <class T> ALONE T twice(T x) {
#if PATCH
  return x + use(x) + 1;
#else
  return x + use(x);
#endif
}
template <class T> ALONE T half(T x) { return x - use(x); }
long f(int x) { return twice(x) + twice((long)x) + half(x); }
