// rule: a thread-local variable is gone from a function that used it
// changed: f
// refused: data-removed mine
#include "pair.h"
#if !PATCH
static _Thread_local int mine;
#endif
int f(int x) {
#if PATCH
  return use(x);
#else
  return mine += use(x);
#endif
}
