// rule: the same for lambdas whose addresses are given away, and live on in the running program
// changed: f(int)
// added: f(int)::{lambda}::__invoke(int) f(int)::{lambda}::operatorint(*)(int)()const f(int)::{lambda}::operator()(int)const
// added[gcc]: f(int)::{lambda}::_FUN(int) f(int)::{lambda}::operatorint(*)(int)()const f(int)::{lambda}::operator()(int)const
// added[O1,O2,O3]: f(int)::{lambda}::__invoke(int)
// added[gcc,O1,O2,O3]: f(int)::{lambda}::_FUN(int)
#include "pair.h"
void keep(int (*)(int));
void f(int x) {
#if PATCH
  keep([](int y) { return use(y) * other(y) - 50; });
#endif
  keep([](int y) { return use(y) + 1; });
  keep([](int y) { return other(y) * 2; });
}
