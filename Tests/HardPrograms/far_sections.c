// build: gcc -O2 -no-pie -fno-unwind-tables -fno-asynchronous-unwind-tables -Wl,--section-start=.far=0x300000000
// counts: callgrind
// calls: main=1 here=50 there=own beyond=own
// (callgrind has no names for the far text.)
// One module whose text is in two places, and no branch reaches from one to the other: each has its trampolines.
#include "hard.h"

#define FAR __attribute__((section(".far")))

static TRACED uint64_t here(uint64_t x) {
  KEEP;
  return x * 17;
}

// Called by their addresses, as the linker has put them into the data.
typedef uint64_t function_type(uint64_t);
static function_type *volatile const near_one = here;

static FAR TRACED uint64_t beyond(uint64_t x) {
  KEEP;
  return x ^ (x >> 7);
}

static FAR TRACED uint64_t there(uint64_t x, function_type *back) {
  x = back(beyond(x));
  KEEP;
  return x + 3;
}

static uint64_t (*volatile const far_one)(uint64_t, function_type *) = there;

int main(void) {
  uint64_t sum = 0;
  for (int i = 0; i < 50; i++) sum = mix(sum, far_one(sum, near_one));
  printf("%016lx\n", sum);
  own_count("there", 50);
  own_count("beyond", 50);
  return 0;
}
