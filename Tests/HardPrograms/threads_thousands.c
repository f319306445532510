// build: gcc -O2 -pthread
// also[clang]: clang -O2 -pthread
// counts: callgrind
// calls: main=1 thread=4000 work=8000 leaf=24000
// Thousands of threads are created and end, eight alive at a time: contexts and buffers must be given back.
#include "hard.h"
#include <pthread.h>

#define ALIVE 8
#define WAVES 500

TRACED uint64_t leaf(uint64_t x) {
  KEEP;
  return x * 3 + 1;
}

TRACED uint64_t work(uint64_t x) {
  uint64_t sum = x;
  for (int i = 0; i < 3; i++) sum = mix(sum, leaf(sum));
  KEEP;
  return sum;
}

TRACED void *thread(void *argument) {
  uint64_t sum = work((uintptr_t)argument);
  sum = mix(sum, work(sum));
  return (void *)(uintptr_t)sum;
}

int main(void) {
  uint64_t sum = 0;
  for (int wave = 0; wave < WAVES; wave++) {
    pthread_t threads[ALIVE];
    for (uintptr_t i = 0; i < ALIVE; i++)
      REQUIRE(!pthread_create(&threads[i], NULL, thread, (void *)(wave * 100 + i)));
    for (int i = 0; i < ALIVE; i++) {
      void *result;
      REQUIRE(!pthread_join(threads[i], &result));
      sum = mix(sum, (uintptr_t)result);
    }
  }
  printf("%d threads: %016lx\n", WAVES * ALIVE, sum);
  return 0;
}
