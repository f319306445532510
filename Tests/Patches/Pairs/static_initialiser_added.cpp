// rule: a new variable needs code at start, which is over
// changed: f(int)
// added: started
// refused: constructor *
#include "pair.h"
int old;
#if PATCH
int started = use(6);
#endif
int f(int x) {
#if PATCH
  return old += started + x;
#else
  return old += x;
#endif
}
