// build: gcc -O2
// also[clang]: clang -O2
// also[static]: gcc -O2 -static
// counts: callgrind
// needs-slow: unwound
// calls: main=1 parked=400 finishing=400 dig=24179 yield=800
// Fibres park under traced frames; their stacks are unmapped with the frames never left, and mapped again at the same
// place for other fibres, which return through frames at those same addresses. Also the other way round: a fibre that
// is resumed after others have come and gone next to it.
#include "fibre.h"

#define SIZE 32768

static void *main_stack, *fibre_stack;
static uint64_t sum;
static int done;

TRACED uint64_t leaf(uint64_t x) {
  KEEP;
  return x * 37 + 1;
}

TRACED void yield(void) {
  fibre_switch(&fibre_stack, main_stack);
  KEEP;
}

TRACED uint64_t dig(int depth, uint64_t x) {
  if (depth == 0) {
    yield();
    return x;
  }
  x = dig(depth - 1, x + depth);
  if (x & 1) x = mix(x, leaf(x));
  KEEP;
  return x * 3 + depth;
}

// Never resumed: its frames stay open for ever.
TRACED void parked(void *argument) {
  sum = mix(sum, dig((int)(intptr_t)argument, 1));
  REQUIRE(0);
}

TRACED void finishing(void *argument) {
  sum = mix(sum, dig((int)(intptr_t)argument, 2));
  done = 1;
  fibre_switch(&fibre_stack, main_stack);
  REQUIRE(0);
}

int main(void) {
  void *late_area = stack_map(NULL, SIZE);
  void *place = stack_map(NULL, SIZE);
  munmap(place, SIZE);
  for (int i = 0; i < 400; i++) {
    // One parks at a depth, its stack goes.
    place = stack_map(place, SIZE);
    fibre_switch(&main_stack, fibre_make(place, SIZE, parked, (void *)(intptr_t)(i % 60)));
    munmap(place, SIZE);
    // Another runs to its end at the same place, with other depths, so that old and new frames interleave.
    void *area = i % 4 == 3 ? late_area : stack_map(place, SIZE);
    done = 0;
    fibre_switch(&main_stack, fibre_make(area, SIZE, finishing, (void *)(intptr_t)(i * 7 % 61)));
    fibre_switch(&main_stack, fibre_stack);
    REQUIRE(done);
    if (area == place) munmap(place, SIZE);
  }
  printf("%016lx\n", sum);
  return 0;
}
