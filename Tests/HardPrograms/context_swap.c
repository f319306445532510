// build: gcc -O2
// also[clang]: clang -O2
// also[static]: gcc -O2 -static
// counts: callgrind
// calls: main=1 body=50 dig=2550 leaf=5000 yield=2500
// swapcontext between contexts that all have traced frames open: returns come in another order than calls.
#include "hard.h"
#include <ucontext.h>

#define COUNT 50
#define SIZE 65536

static ucontext_t main_context, contexts[COUNT];
static char stacks[COUNT][SIZE] __attribute__((aligned(64)));
static int finished[COUNT], current;
static uint64_t sum;

TRACED uint64_t leaf(uint64_t x) {
  KEEP;
  return x * 29 + 1;
}

TRACED void yield(void) {
  swapcontext(&contexts[current], &main_context);
  KEEP;
}

TRACED uint64_t dig(int depth, uint64_t x) {
  if (depth == 0) return x;
  x = mix(x, leaf(x));
  yield();
  x = dig(depth - 1, x);
  sum = mix(sum, leaf(x));
  KEEP;
  return x + 1;
}

TRACED void body(int which) {
  sum = mix(sum, dig(50, which));
  finished[which] = 1;
}

int main(void) {
  for (int i = 0; i < COUNT; i++) {
    getcontext(&contexts[i]);
    contexts[i].uc_stack.ss_sp = stacks[i];
    contexts[i].uc_stack.ss_size = SIZE;
    contexts[i].uc_link = &main_context;
    makecontext(&contexts[i], (void (*)(void))body, 1, i);
  }
  for (int left = COUNT; left > 0;) {
    for (int i = 0; i < COUNT; i++) {
      // A different order each time round.
      current = (i * 7 + left) % COUNT;
      if (finished[current]) continue;
      swapcontext(&main_context, &contexts[current]);
      left -= finished[current];
    }
  }
  printf("%016lx\n", sum);
  return 0;
}
