// rule: a static of the file, used by a changed function and another
// changed: f
#include "pair.h"
static int state = 4;
int f(int x) {
#if PATCH
  if (state > 100) state = 0;
#endif
  return state += use(x);
}
int g(void) { return state; }
