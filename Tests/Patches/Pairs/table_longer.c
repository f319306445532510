// rule: a static const table of another length, and its reader
// changed: f
#include "pair.h"
#if PATCH
static const short table[] = {3, 1, 4, 1, 5, 9, 2, 6, 5};
#else
static const short table[] = {3, 1, 4, 1, 5, 9, 2, 6};
#endif
int f(unsigned x) { return x < sizeof table / sizeof *table ? table[x] : -1; }
int h(int x) { return use(x); }
