// rule: static initialisers as they were, beside a changed function, and named after another symbol
// changed: f(int)
// added: first(int)
#include "pair.h"
#if PATCH
ALONE int first(int x) { return use(x) + 100; }
#endif
int started = use(5);
struct Kept {
  int n;
  Kept() : n(use(1)) {}
  ~Kept() { use(n); }
} kept;
int f(int x) {
#if PATCH
  x += first(x);
#endif
  return started += x;
}
