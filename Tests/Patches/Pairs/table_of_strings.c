// rule: a static const table of strings, one of which differs: only relocations of constants lead to it
// changed: f
#include "pair.h"
#if PATCH
static const char *const names[] = {"zero", "one", "TWO", "three"};
#else
static const char *const names[] = {"zero", "one", "two", "three"};
#endif
static const char *const others[] = {"null", "one", "two", "drei"};
const char *f(int x) { return names[x & 3]; }
const char *g(int x) { return others[x & 3]; }
