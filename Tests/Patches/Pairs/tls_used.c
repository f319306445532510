// rule: a changed function uses a thread-local variable that stays
// changed: f
#include "pair.h"
static _Thread_local int mine = 3;
_Thread_local int seen;
int f(int x) {
#if PATCH
  if (x < 0) return mine;
#endif
  mine += use(x);
  return seen++;
}
int g(void) { return mine + seen; }
