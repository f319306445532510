// rule: bit fields of other widths, in a structure of the same size
// flags: -g
// changed: f
// refused: layout flags
#include "pair.h"
struct flags {
  unsigned a : 3 + PATCH, b : 5;
};
int f(struct flags *flags) { return flags->b; }
