// rule: thread-local variables with initialisers that run in each thread
// flags: -std=c++17
// changed: f(int)
#include "pair.h"
thread_local int mine = use(3);
static thread_local int quiet = 5;
int f(int x) {
#if PATCH
  if (x < 0) return quiet;
#endif
  return mine += x + quiet;
}
int g(int x) { return quiet += use(x); }
