// rule: a new class of the same name in an earlier block takes the other's number
// changed: f(int)
// added: f(int)::Local::get(int)
#include "pair.h"
int f(int x) {
  int sum = 0;
#if PATCH
  {
    struct Local {
      int n;
      ALONE int get(int y) { return other(n * y) - 4; }
    } local{x};
    sum += local.get(2);
  }
#endif
  {
    struct Local {
      int n;
      ALONE int get(int y) { return use(n + y); }
    } local{x};
    sum += local.get(1);
  }
  return sum;
}
