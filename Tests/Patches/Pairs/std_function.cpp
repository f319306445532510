// rule: a lambda before two others that std::function objects hold: those in the running program must still reach their own
// levels: O1 O2
// arches: x86_64
// flags: -std=c++17
// changed: f(int)
// added: any
#include <functional>
#include "pair.h"
void keep(std::function<int(int)>);
void f(int x) {
#if PATCH
  keep([x](int y) { return use(y) * other(x) - 50; });
#endif
  keep([x](int y) { return use(y) + x; });
  keep([x](int y) { return other(y) * x; });
}
