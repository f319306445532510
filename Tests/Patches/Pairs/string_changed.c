// rule: a string literal with other contents
// changed: f
#include "pair.h"
void f(void) {
#if PATCH
  say("hello, world");
#else
  say("hello, earth");
#endif
}
void g(void) { say("hello, moon"); }
