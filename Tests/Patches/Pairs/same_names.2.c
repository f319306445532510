// rule: a static function and a static variable of names that same_names.1.c has too, where the first has changed
#include "pair.h"
static int state;
static ALONE int helper(int x) { return state += use(x); }
int second(int x) { return helper(x) + 1; }
