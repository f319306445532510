// rule: calls within the object go to a local second name, f.localalias
// flags: -fno-semantic-interposition
// changed: f
#include "pair.h"
ALONE int f(int x) {
#if PATCH
  if (x < 0) return 0;
#endif
  return use(x);
}
int g(int x) { return f(x) + 1; }
int (*h(void))(int) { return f; }
