// rule: strings in another order, and others before them: the same contents, nothing changed but h
// changed: h
#include "pair.h"
#if PATCH
void h(void) { say("an earlier, longer string"); }
void g(void) { say("g's"); }
void f(void) { say("f's"); }
#else
void f(void) { say("f's"); }
void g(void) { say("g's"); }
void h(void) { say("h's"); }
#endif
