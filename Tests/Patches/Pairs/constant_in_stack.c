// rule: a pointer to a constant is given away: who does that counts as changed; what the program has kept stays the old one
// changed: f
#include "pair.h"
struct Kind {
  const char *name;
  int flags;
};
#if PATCH
static const struct Kind kind = {"kind", 5};
#else
static const struct Kind kind = {"kind", 4};
#endif
void f(const struct Kind **p) { *p = &kind; }
int g(const struct Kind *p) { return use(p->flags); }
