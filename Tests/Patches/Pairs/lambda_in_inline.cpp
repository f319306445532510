// rule: lambdas of an inline function have names that other objects share; inserting one gives those names other meanings
// changed: f(int)
// added: f(int)::{lambda}::operator()(int)const
#include "pair.h"
ALONE inline int f(int x) {
  int sum = 0;
#if PATCH
  auto zero = [x](int y) ALONE { return use(x) * other(y) - 50; };
  sum += zero(3);
#endif
  auto one = [x](int y) ALONE { return use(x + y); };
  return sum + one(1);
}
int g(int x) { return f(x) + use(1); }
