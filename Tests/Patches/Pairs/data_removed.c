// rule: a variable is gone from functions that used it
// changed: f
// refused: data-removed hits
#include "pair.h"
int old = 1;
#if !PATCH
static int hits;
#endif
int f(int x) {
#if !PATCH
  old += hits++;
#endif
  return old += use(x);
}
