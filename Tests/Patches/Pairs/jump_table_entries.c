// rule: two labels change places: the jump table differs, the code perhaps not
// changed: f
#include "pair.h"
int f(int x) {
  switch (x) {
#if PATCH
  case 1: return use(3);
  case 0: return other(5);
#else
  case 0: return use(3);
  case 1: return other(5);
#endif
  case 2: return use(8) + 1;
  case 3: return other(1);
  case 4: return use(2) * 3;
  case 5: return use(77);
  }
  return 0;
}
int g(int x) {
  switch (x) {
  case 0: return use(13);
  case 1: return other(15);
  case 2: return use(18) + 1;
  case 3: return other(11);
  case 4: return use(12) * 3;
  case 5: return use(177);
  }
  return 0;
}
