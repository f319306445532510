// build: gcc -O2
// counts: none
// may-lose: two tasks with one thread pointer are refused
// Two tasks on one thread pointer: clone(CLONE_VM) without a TLS of its own, both calling traced functions at the same
// time. The tracer must detect and refuse the second; the program must not notice.
#include "hard.h"
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

static char stack[1 << 18] __attribute__((aligned(64)));
static volatile int child_runs;

TRACED uint64_t leaf(uint64_t x) {
  KEEP;
  return x * 71 + 1;
}

TRACED uint64_t dig(int depth, uint64_t x) {
  x = depth ? dig(depth - 1, mix(x, leaf(x))) : x;
  KEEP;
  return x + depth;
}

static uint64_t results[2];

TRACED int child(void *argument) {
  uint64_t sum = (uintptr_t)argument;
  child_runs = 1;
  for (int i = 0; i < 3000; i++) sum = mix(sum, dig(i % 20, i));
  results[1] = sum;
  return 21;
}

int main(void) {
  pid_t pid = clone(child, stack + sizeof stack, CLONE_VM | CLONE_FS | CLONE_FILES | SIGCHLD, (void *)1);
  REQUIRE(pid > 0);
  while (!child_runs) KEEP;
  uint64_t sum = 2;
  for (int i = 0; i < 3000; i++) sum = mix(sum, dig(i % 20, i));
  results[0] = sum;
  int status;
  REQUIRE(waitpid(pid, &status, 0) == pid);
  printf("%016lx %016lx %d\n", results[0], results[1], WEXITSTATUS(status));
  return 0;
}
