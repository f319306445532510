// rule: a new thread-local static local
// changed: f
// refused: tls-new n
#include "pair.h"
int f(int x) {
#if PATCH
  static _Thread_local int n = 4;
  return n += use(x);
#else
  return use(x);
#endif
}
int g(int x) {
  static _Thread_local int n = 3;
  return n += use(x);
}
