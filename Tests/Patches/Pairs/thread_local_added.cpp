// rule: a new thread-local static local
// changed: f(int)
// refused: tls-new f(int)::n
#include "pair.h"
int f(int x) {
#if PATCH
  static thread_local int n = 1;
  return n += use(x);
#else
  return use(x);
#endif
}
