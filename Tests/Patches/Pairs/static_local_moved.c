// rule: f and g had a counter each; f uses g's now, which is a static of the file: f's own is gone
// changed: f g
// added: count
// refused: data-removed n, data-removed n
#include "pair.h"
#if PATCH
static int count;
int f(int x) { return count += use(x); }
int g(int x) { return count += use(x); }
#else
int f(int x) { static int n; return n += use(x); }
int g(int x) { static int n; return n += use(x); }
#endif
