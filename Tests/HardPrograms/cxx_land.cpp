// build: g++ -O2
// also[clang]: clang++ -O2
// also[static]: g++ -O2 -static
// also[llvm_unwind]: g++ -O2 -Wl,--no-as-needed -l:libunwind.so.1
// also[other_unwind]: g++ -O2 -Wl,--no-as-needed -l:libunwind.so.8
// counts: callgrind
// needs-slow: unwound,re_armed
// left: 2000
// The frame that an exception lands in, and those around it, return without any traced call in between: the returns must be
// seen, by whichever unwinder. Only the frames that the exception passed are left.
#include "hard.h"

TRACED int thrower(int i) {
  KEEP;
  throw i;
}

TRACED int passed(int i) {
  int result = thrower(i);
  KEEP;
  return result + 1;
}

TRACED int catching(int i) {
  try {
    return passed(i);
  } catch (int value) {
    return value + 2;
  }
}

TRACED int around(int i) {
  int result = catching(i);
  KEEP;
  return result + 3;
}

TRACED int outer(int i) {
  int result = around(i);
  KEEP;
  return result + 4;
}

int main() {
  uint64_t sum = 0;
  for (int i = 0; i < 1000; i++) sum = mix(sum, outer(i));
  printf("%016lx\n", sum);
  return 0;
}
