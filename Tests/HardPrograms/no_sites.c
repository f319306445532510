// build: gcc -O2 -fpatchable-function-entry=0
// counts: none
// sites: none
// status-traced: 125
// No call site at all: one clear error that names the compiler flags, status 125, and the program is not run.
#include "hard.h"

int main(void) {
  printf("runs untraced\n");
  return 0;
}
