// rule: a new thread-local variable: existing threads have no room for it
// changed: f
// refused: tls-new fresh
#include "pair.h"
static _Thread_local int mine = 3;
#if PATCH
static _Thread_local int fresh;
#endif
int f(int x) {
#if PATCH
  return mine += use(x) + fresh++;
#else
  return mine += use(x);
#endif
}
int g(void) { return mine; }
