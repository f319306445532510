// rule: nothing changed, of classes, templates, exceptions, a static initialiser
#include "pair.h"
struct A {
  int n = 3;
  virtual ~A() { use(n); }
  virtual int get(int x) { return use(x) + n; }
};
template <class T> T twice(T x) { return x + use(x); }
int started = use(5);
int f(int x) {
  A a;
  try {
    return a.get(twice(x)) + started;
  } catch (int e) {
    return e;
  }
}
