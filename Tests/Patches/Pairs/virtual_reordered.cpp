// rule: virtual functions in another order: objects that exist point to the old table
// changed: f(A*,int)
// refused: data-value _ZTV1A
#include "pair.h"
struct A {
#if PATCH
  virtual int put(int x);
  virtual int get(int x);
#else
  virtual int get(int x);
  virtual int put(int x);
#endif
};
int A::get(int x) { return use(x) + 1; }
int A::put(int x) { return use(x) + 2; }
int f(A *a, int x) { return a->get(x); }
