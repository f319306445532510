// rule: a new virtual function at the end: objects that exist point to the old, shorter table
// added: A::more(int)
// refused: data-size _ZTV1A
#include "pair.h"
struct A {
  virtual int get(int x);
#if PATCH
  virtual int more(int x);
#endif
};
int A::get(int x) { return use(x) + 1; }
#if PATCH
int A::more(int x) { return use(x) + 2; }
#endif
int f(A *a, int x) { return a->get(x); }
