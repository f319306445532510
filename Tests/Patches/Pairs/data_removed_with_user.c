// rule: a variable is gone together with the only function that used it
// removed: counted hits
#include "pair.h"
#if !PATCH
static int hits;
int counted(void) { return hits++; }
#endif
int f(int x) { return use(x); }
