// rule: a structure that is new, one that is gone, and the same with other names of types change no layout
// flags: -g
// changed: f
#include "pair.h"
struct kept {
  int key, value;
};
#if PATCH
struct fresh {
  int x;
};
typedef struct kept name;
#else
struct stale {
  int x, y;
};
typedef struct kept title;
#define fresh stale
#define name title
#endif
int f(name *kept, struct fresh *other) { return kept->key + other->x + PATCH; }
