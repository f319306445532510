// rule: a structure that gets a member: objects that exist are too small
// flags: -g
// changed: f
// refused: layout item
#include "pair.h"
struct item {
  long key;
#if PATCH
  long more;
#endif
};
long f(struct item *item) {
#if PATCH
  return item->key + item->more;
#else
  return item->key;
#endif
}
