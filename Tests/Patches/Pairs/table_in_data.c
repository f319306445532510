// rule: writable data that points to constants: its initial value is other constants now
// refused: data-value names
#include "pair.h"
#if PATCH
static const char *names[] = {"zero", "one", "TWO"};
#else
static const char *names[] = {"zero", "one", "two"};
#endif
const char *f(int x) { return names[x & 1]; }
void g(int x, const char *name) { names[x & 1] = name; }
