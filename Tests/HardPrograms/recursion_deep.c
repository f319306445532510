// build: gcc -O2 -pthread
// also[clang]: clang -O2 -pthread
// counts: callgrind
// calls: main=1 thread=1 descend=2200002 leaf=110002
// A million frames deep, on a thread's big stack, twice (the second time over what the first left), and 100,000 on
// the main thread's growing stack: the shadow map must grow, each return must find its own address.
#include "hard.h"
#include <pthread.h>
#include <sys/mman.h>

TRACED uint64_t leaf(uint64_t x) {
  KEEP;
  return x ^ 0x5bd1e995;
}

TRACED uint64_t descend(unsigned depth, uint64_t sum) {
  KEEP;
  if (depth == 0) return leaf(sum);
  uint64_t result = descend(depth - 1, sum + depth);
  if (depth % 20 == 0) result = mix(result, leaf(depth));
  KEEP;
  return result * 31 + depth;
}

TRACED void *thread(void *argument) {
  uint64_t *sums = argument;
  sums[0] = descend(1000000, 1);
  sums[1] = descend(1000000, 2);
  return NULL;
}

int main(void) {
  size_t size = 512u << 20;
  void *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  REQUIRE(stack != MAP_FAILED);
  pthread_attr_t big;
  pthread_attr_init(&big);
  REQUIRE(!pthread_attr_setstack(&big, stack, size));
  uint64_t sums[2];
  pthread_t id;
  REQUIRE(!pthread_create(&id, &big, thread, sums));
  REQUIRE(!pthread_join(id, NULL));
  printf("thread %016lx %016lx\n", sums[0], sums[1]);
  printf("main %016lx", descend(99999, 3));
  printf(" %016lx\n", descend(99999, 4));
  return 0;
}
