// rule: one name in three functions; the change makes a fourth before them and takes the functions' order apart
// changed: d
// added: n
#include "pair.h"
int d(int x) {
#if PATCH
  static int n = 1;
  return n += use(x);
#else
  return use(x);
#endif
}
#if PATCH
int g(int x) { static int n = 4; return n += use(x) * 3; }
int e(int x) { static int n = 2; return n += use(x); }
int f(int x) { static int n = 3; return n += use(x) * 2; }
#else
int e(int x) { static int n = 2; return n += use(x); }
int f(int x) { static int n = 3; return n += use(x) * 2; }
int g(int x) { static int n = 4; return n += use(x) * 3; }
#endif
