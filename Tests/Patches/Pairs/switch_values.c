// rule: a switch that the compiler makes a table of values; one value differs, the code does not
// changed: f
#include "pair.h"
int f(int x) {
  switch (x) {
  case 0: return 31;
  case 1: return 17;
  case 2: return 54;
#if PATCH
  case 3: return 23;
#else
  case 3: return 22;
#endif
  case 4: return 99;
  case 5: return 16;
  case 6: return 71;
  }
  return -1;
}
int g(int x) {
  switch (x) {
  case 0: return 131;
  case 1: return 117;
  case 2: return 154;
  case 3: return 122;
  case 4: return 199;
  case 5: return 116;
  case 6: return 171;
  }
  return -1;
}
