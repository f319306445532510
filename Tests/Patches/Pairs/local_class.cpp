// rule: a class within a function
// changed: f(int)::Local::get(int)
#include "pair.h"
int f(int x) {
  struct Local {
    int n;
    ALONE int get(int y) {
#if PATCH
      if (y < 0) return 0;
#endif
      return use(n + y);
    }
    ALONE int put(int y) { return n = use(y); }
  } local{x};
  return local.get(x) + local.get(7) + local.put(2);
}
