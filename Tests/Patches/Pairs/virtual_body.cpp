// rule: a virtual function's body changed; the table is as it was
// changed: A::get(int)
#include "pair.h"
struct A {
  int n = 3;
  virtual int get(int x);
  virtual int put(int x);
};
ALONE int A::get(int x) {
#if PATCH
  if (x < 0) return 0;
#endif
  return use(x) + n;
}
int A::put(int x) { return n = x; }
int f(A *a, int x) { return a->get(x); }
