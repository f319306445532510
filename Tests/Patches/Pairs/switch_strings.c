// rule: a switch that the compiler makes a table of strings; one string differs
// changed: f
#include "pair.h"
const char *f(int x) {
  switch (x) {
  case 0: return "zero";
  case 1: return "one";
#if PATCH
  case 2: return "TWO";
#else
  case 2: return "two";
#endif
  case 3: return "three";
  case 4: return "four";
  case 5: return "five";
  }
  return "many";
}
const char *g(int x) {
  switch (x) {
  case 0: return "null";
  case 1: return "eins";
  case 2: return "two";
  case 3: return "drei";
  case 4: return "vier";
  case 5: return "five";
  }
  return "viele";
}
