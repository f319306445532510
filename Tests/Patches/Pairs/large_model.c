// rule: addresses of eight bytes within the code
// flags: -mcmodel=large
// arches: x86_64
// models: nopie
// changed: f
#include "pair.h"
static int state;
int f(int x) {
#if PATCH
  say("new");
#else
  say("old");
#endif
  return state += use(x);
}
int g(int x) {
  say("none");
  return state += use(x) + 1;
}
