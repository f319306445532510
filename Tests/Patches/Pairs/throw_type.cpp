// rule: a class of its own is thrown; its type information is new
// changed: f(int)
#include "pair.h"
struct Old {
  int n;
};
#if PATCH
struct New {
  int n;
};
#else
using New = Old;
#endif
int f(int x) {
  if (x < 0) throw New{x};
  return use(x);
}
int g(int x) {
  if (x < 0) throw Old{x};
  return use(x);
}
