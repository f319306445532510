// build: gcc -O2
// also[clang]: clang -O2
// counts: listed
// oracle: gcov
// may-lose: there is no room for so many stacks in so few places of the table
// needs-slow: stack_full
// calls: main=1 body=240 dig=2640 leaf=2400
// More stacks than a part of the tracer's table of stacks can hold, all of them in that part: those that find no room are run without
// being recorded. (Which stacks come together is the table's hash; were it another one, no room would be missing.)
#include "fibre.h"

enum { CHUNK = 1 << 18, TABLE_BITS = 15, HOMES = 32, STACKS = 240, SIZE = 16384, DEPTH = 10 };

static const size_t reserved = (size_t)1 << 36;
static void *main_stack, *fibre_stack;
static uint64_t sum;

TRACED uint64_t leaf(uint64_t x) {
  KEEP;
  return x * 43 + 1;
}

TRACED uint64_t dig(int depth, uint64_t x) {
  x = depth ? dig(depth - 1, mix(x, leaf(x))) : x;
  KEEP;
  return x + depth;
}

TRACED void body(void *argument) {
  sum = mix(sum, dig(DEPTH, (uintptr_t)argument));
  fibre_switch(&fibre_stack, main_stack);
  REQUIRE(0);
}

UNTRACED static unsigned home(uintptr_t address) {
  return (unsigned)((address / CHUNK * 0x9e3779b97f4a7c15u) >> (64 - TABLE_BITS));
}

int main(void) {
  char *area = mmap(NULL, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  REQUIRE(area != MAP_FAILED);
  uintptr_t first = ((uintptr_t)area + CHUNK - 1) / CHUNK * CHUNK;
  unsigned low = home(first);
  int stacks = 0;
  for (uintptr_t chunk = first; chunk + CHUNK <= (uintptr_t)area + reserved && stacks < STACKS; chunk += CHUNK) {
    if ((home(chunk) - low) % (1u << TABLE_BITS) >= HOMES) continue;
    REQUIRE(!mprotect((void *)chunk, SIZE, PROT_READ | PROT_WRITE));
    fibre_switch(&main_stack, fibre_make((void *)chunk, SIZE, body, (void *)(uintptr_t)stacks));
    stacks++;
  }
  REQUIRE(stacks == STACKS);
  printf("%d stacks: %016lx\n", stacks, (unsigned long)sum);
  return 0;
}
