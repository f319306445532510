// rule: a function has another name; __func__ with it
// changed: h
// added: new_name
// removed: old_name
#include "pair.h"
#if PATCH
static ALONE int new_name(int x) {
#else
static ALONE int old_name(int x) {
#endif
  say(__func__);
  return use(x);
}
int h(int x) {
#if PATCH
  return new_name(x) + 1;
#else
  return old_name(x) + 1;
#endif
}
