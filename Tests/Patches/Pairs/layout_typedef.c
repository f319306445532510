// rule: members that change places in a structure without a name: one with a typedef, which clang writes before the structure, and one that only a typedef of a pointer has
// flags: -g
// changed: f
// refused: layout item, layout handle
#include "pair.h"
typedef struct {
#if PATCH
  int second, first;
#else
  int first, second;
#endif
} item;
typedef struct {
#if PATCH
  int more, key;
#else
  int key, more;
#endif
} *handle;
int f(item *item, handle handle) { return item->first + handle->key; }
