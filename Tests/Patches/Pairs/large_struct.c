// rule: structures copied and returned in memory, cleared by memset
// changed: f
#include "pair.h"
struct Large {
  long a[40];
  int n;
};
struct Large f(const struct Large *p) {
  struct Large copy = *p;
#if PATCH
  copy.n++;
#endif
  use(copy.n);
  return copy;
}
struct Large g(void) {
  struct Large all = {{0}, 3};
  use(1);
  return all;
}
