// rule: a changed function uses an instance that was not there
// changed: f(int)
// added: _Z5twiceIlET_S0_
#include "pair.h"
template <class T> ALONE T twice(T x) { return x + use(x); }
ALONE int f(int x) {
#if PATCH
  return twice((long)x);
#else
  return twice(x);
#endif
}
ALONE int g(int x) { return twice(x) + 1; }
