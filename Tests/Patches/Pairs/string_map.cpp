// rule: the library's containers as they were, and a function that uses them otherwise
// levels: O0 O2
// arches: x86_64 ppc64le
// flags: -std=c++17
// changed: f(int)
#include <map>
#include <string>
#include "pair.h"
static std::map<std::string, int> known;
int f(int x) {
#if PATCH
  if (x < 0) return 0;
#endif
  return known["f"] += use(x);
}
int g(int x) { return known["g"] += use(x); }
