// rule: a jump table moves within its section, its function is as it was
// changed: f
#include "pair.h"
int f(int x) {
  switch (x) {
  case 0: return use(3);
  case 1: return other(5);
  case 2: return use(8) + 1;
  case 3: return other(1);
  case 4: return use(2) * 3;
  case 5: return use(77);
#if PATCH
  case 6: return other(50);
  case 7: return use(78) - 1;
#endif
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
