// build: g++ -O2
// also[clang]: clang++ -O2
// also[static]: g++ -O2 -static
// counts: callgrind
// calls: main=1 thrower(int)=20000 passed(int)=20000 catching(int)=20000
// needs-slow: unwound,re_armed
// left: 40000
// Exceptions at every place of the stack, 16 bytes apart, over more than 256 KiB: somewhere the unwinder's own frames begin in
// another chunk of the stack than the frames that it is to pass, elsewhere these are in two.
#include "hard.h"
#include <alloca.h>

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

UNTRACED static int at(int i) {
  volatile char *room = (volatile char *)alloca(16 * i + 1);
  room[0] = 1;
  return catching(i) + room[0];
}

int main() {
  uint64_t sum = 0;
  for (int i = 0; i < 20000; i++) sum = mix(sum, at(i));
  printf("%016lx\n", sum);
  return 0;
}
