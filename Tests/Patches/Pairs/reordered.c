// rule: functions and variables that only changed places in the file
#include "pair.h"
#if PATCH
int b = 2;
int h(int x) { return use(x) * 3 + b; }
static ALONE int g(int x) { return use(x) * 2; }
int a = 1;
int f(int x) { return g(x) + a; }
#else
int a = 1;
static ALONE int g(int x) { return use(x) * 2; }
int f(int x) { return g(x) + a; }
int b = 2;
int h(int x) { return use(x) * 3 + b; }
#endif
