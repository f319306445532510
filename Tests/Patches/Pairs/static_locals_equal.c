// rule: two functions of the same code, each with a static local of the same name and value, change places: told apart by their users
#include "pair.h"
#if PATCH
int g(int x) { static int n; return n += use(x); }
int f(int x) { static int n; return n += use(x); }
#else
int f(int x) { static int n; return n += use(x); }
int g(int x) { static int n; return n += use(x); }
#endif
