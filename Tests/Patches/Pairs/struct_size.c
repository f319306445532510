// rule: a structure has a new member in the middle: a variable of it, and the functions that know the offset
// changed: f
// refused: data-size state
#include "pair.h"
struct State {
  int a;
#if PATCH
  long added;
#endif
  int b;
};
struct State state;
int f(int x) { return state.b += use(x); }
int g(int x) { return state.a += use(x); }
