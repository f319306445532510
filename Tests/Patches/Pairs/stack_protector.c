// rule: stack protection
// flags: -fstack-protector-all
// changed: f
#include "pair.h"
int f(int x) {
  char text[40];
  take(text);
#if PATCH
  text[39] = 0;
#endif
  return text[x];
}
int g(int x) {
  char text[40];
  take(text);
  return text[x];
}
