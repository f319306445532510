// rule: two copies of one function for two values change users: which copy is meant decides, not its number
// flags: -fipa-cp-clone
// compilers: gcc
// changed: g h
#include "pair.h"
static NOINLINE int f(int x, int mode) {
  switch (mode) {
  case 5:
    for (int i = 0; i < 3; i++) x += use(x) * other(i);
    return x + other(1);
  case 7:
    for (int i = 0; i < 9; i++) x -= other(x) + use(i);
    return x - use(4);
  case 9: return use(x) * use(x + 1);
  default: return x * mode;
  }
}
#if PATCH
enum { ONE = 7, TWO = 5 };
#else
enum { ONE = 5, TWO = 7 };
#endif
int g(int x) {
  int sum = 0;
  for (int i = 0; i < x; i++) sum += f(i, ONE);
  return sum + 1;
}
int h(int x) {
  int sum = 0;
  for (int i = 0; i < x; i++) sum -= f(i, TWO);
  return sum * 2;
}
