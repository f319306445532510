// rule: two functions share a string, one of them lets go of it; another's string is the end of a new one
// changed: g
#include "pair.h"
void f(void) { say("shared"); }
void g(void) {
#if PATCH
  say("this one is shared");
#else
  say("shared");
#endif
}
void h(void) { say("is shared"); }
