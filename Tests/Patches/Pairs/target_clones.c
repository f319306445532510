// rule: copies of one function for several processors, chosen by an IFUNC that the compiler makes
// arches: x86_64
// compilers: gcc
// changed: f.avx2 f.default
#include "pair.h"
__attribute__((target_clones("avx2", "default"))) int f(int x) {
#if PATCH
  if (x < 0) return 0;
#endif
  return use(x) * 3;
}
int g(int x) { return use(x) + 1; }
