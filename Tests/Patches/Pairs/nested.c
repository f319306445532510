// rule: functions within functions, numbered by the compiler; a new one shifts the numbers
// compilers: gcc
// changed: d
// added: inner
#include "pair.h"
#define INNER __attribute__((noipa))
int d(int x) {
#if PATCH
  INNER int inner(int y) { return use(y) + x + 4; }
  return inner(1);
#else
  return use(x);
#endif
}
int f(int x) {
  INNER int inner(int y) { return use(y) + x; }
  return inner(1);
}
int g(int x) {
  INNER int inner(int y) { return use(y) * x; }
  return inner(2);
}
