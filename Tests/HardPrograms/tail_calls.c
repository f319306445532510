// build: gcc -O2
// also[clang]: clang -O2
// also[cet]: gcc -O2 -fcf-protection=full
// counts: callgrind
// calls: main=1 even=5000002 odd=5000000 start=2 finish=2
// needs-slow: tail_calls
// regs: [!eo]*
// Mutual tail calls, 10^7 of them (or argv[1]), in bounded memory: the stack does not grow, nor may the shadow map. Then
// tail calls through a pointer, and one with arguments on the stack.
#include "hard.h"

TRACED uint64_t odd(uint64_t left, uint64_t sum);

TRACED uint64_t finish(uint64_t sum) {
  KEEP;
  return sum ^ 0x1234;
}

TRACED uint64_t even(uint64_t left, uint64_t sum) {
  KEEP;
  if (left == 0) return finish(sum);
  return odd(left - 1, sum * 3 + left);
}

TRACED uint64_t odd(uint64_t left, uint64_t sum) {
  KEEP;
  if (left == 0) return finish(sum);
  return even(left - 1, sum * 5 + left);
}

TRACED uint64_t start(uint64_t left) {
  uint64_t result = even(left, 1);
  KEEP;
  return result + 1;
}

static uint64_t (*volatile pointer)(uint64_t) = start;

TRACED uint64_t through_pointer(uint64_t left) {
  return pointer(left);
}

TRACED uint64_t on_stack(long a, long b, long c, long d, long e, long f, long g, long h, long left) {
  KEEP;
  if (left == 0) return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h;
  return on_stack(b, c, d, e, f, g, h, a, left - 1);
}

// In KiB, at the most until now. (What getrusage says was there before exec.)
UNTRACED static long memory(void) {
  char line[256];
  long most = 0;
  FILE *file = fopen("/proc/self/status", "r");
  REQUIRE(file);
  while (!most && fgets(line, sizeof line, file)) sscanf(line, "VmHWM: %ld", &most);
  fclose(file);
  REQUIRE(most);
  return most;
}

int main(int argc, char **argv) {
  long before = memory();
  uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000000;
  printf("%016lx\n", start(count));
  printf("%016lx\n", through_pointer(0));
  printf("%lu\n", on_stack(1, 2, 3, 4, 5, 6, 7, 8, 100003));
  // A mirror entry for each call would be hundreds of MiB. (Whoever counts the calls by other means needs as much.)
  if (getenv("HARD_MEMORY")) REQUIRE(memory() - before < atol(getenv("HARD_MEMORY")) << 10);
  return 0;
}
