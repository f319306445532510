// build: gcc -O2
// also[clang]: clang -O2
// counts: callgrind
// needs-slow: unwound,unmatched_returns
// calls: main=1 low=1 high=200 dig=4400 leaf=4000 turn=400
// Two fibres whose stacks lie so near to each other that they share the tracer's chunk. What runs on the upper one looks as if the frames on
// the lower one had been left; they are returned to after all, each to its own caller.
#include "fibre.h"

enum { CHUNK = 1 << 18, SIZE = 32768, ROUNDS = 200, DEPTH = 10 };

static void *main_stack, *low_stack, *high_stack;
static uint64_t sum;

TRACED uint64_t leaf(uint64_t x) {
  KEEP;
  return x * 41 + 1;
}

// Leaves the lower stack for another one in the midst of its frames.
TRACED void turn(void) {
  fibre_switch(&low_stack, main_stack);
  KEEP;
}

TRACED uint64_t dig(int depth, int turns, uint64_t x) {
  if (depth == 0) {
    if (turns) {
      turn();
      turn();
    }
    return x;
  }
  x = dig(depth - 1, turns, mix(x, leaf(x)));
  KEEP;
  return x + depth;
}

TRACED void low(void *argument) {
  for (int i = 0; i < ROUNDS; i++) sum = mix(sum, dig(DEPTH, 1, (uintptr_t)argument + i));
  fibre_switch(&low_stack, main_stack);
  REQUIRE(0);
}

TRACED void high(void *argument) {
  sum = mix(sum, dig(DEPTH, 0, (uintptr_t)argument));
  fibre_switch(&high_stack, main_stack);
  REQUIRE(0);
}

int main(void) {
  uintptr_t area = (uintptr_t)stack_map(NULL, 2 * CHUNK);
  char *chunk = (char *)((area + CHUNK - 1) / CHUNK * CHUNK);
  low_stack = fibre_make(chunk, SIZE, low, (void *)1);
  for (int i = 0; i < ROUNDS; i++) {
    fibre_switch(&main_stack, low_stack);
    fibre_switch(&main_stack, fibre_make(chunk + SIZE, SIZE, high, (void *)(uintptr_t)i));
    fibre_switch(&main_stack, low_stack);
  }
  fibre_switch(&main_stack, low_stack);
  printf("%016lx\n", (unsigned long)sum);
  return 0;
}
