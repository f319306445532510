// rule: lines and comments moved: debugging information changes, and only that
// flags: -g
#include "pair.h"
#if PATCH
// A longer comment,
// of more lines.

#endif
static int count;
int f(int x) { return use(x) + 1; }
#if PATCH

#endif
int g(int x) { count += x; return f(x) + count; }
