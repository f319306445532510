// rule: a container of a type that was not used before: its functions are new; clang without
// optimisation knows of a library function that it cannot throw only if another instance was compiled before: its code differs
// levels: O0 O2
// arches: x86_64 arm64
// changed: f(int)
// changed[clang,O0]: f(int) _ZNSt6vectorIiSaIiEE11_S_max_sizeERKS0_
// added: any
#include <vector>
#include "pair.h"
int f(int x) {
#if PATCH
  std::vector<long> more;
  for (int i = 0; i < x; i++) more.push_back(use(i));
  return more.size();
#else
  return use(x);
#endif
}
int g(int x) {
  std::vector<int> some;
  for (int i = 0; i < x; i++) some.push_back(use(i));
  return some.size();
}
