// rule: a changed function begins to use a thread-local variable of elsewhere
// changed: f
#include "pair.h"
extern _Thread_local int elsewhere;
int f(int x) {
#if PATCH
  elsewhere++;
#endif
  return use(x);
}
int g(void) { return elsewhere; }
