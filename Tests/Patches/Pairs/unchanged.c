// rule: nothing changed
#include "pair.h"
static int count;
static const int table[] = {3, 1, 4, 1, 5};
int f(int x) { return use(x) + table[x & 3]; }
int g(int x) { count += x; return f(x) + count; }
void h(void) { say("hello"); }
