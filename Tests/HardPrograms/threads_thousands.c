// build: gcc -O2 -pthread
// also[clang]: clang -O2 -pthread
// counts: callgrind
// calls: main=1 thread=4000 work=8000 leaf=24000
// args[arm64]: 60
// calls[arm64]: main=1 thread=480 work=960 leaf=2880
// Thousands of threads are created and end, eight alive at a time: contexts and buffers must be given back.
//   threads_thousands [WAVES]      fewer where a machine is so slow that its threads take minutes
#include "hard.h"
#include <pthread.h>

#define ALIVE 8

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

int main(int count, char **arguments) {
  int waves = count > 1 ? atoi(arguments[1]) : 500;
  uint64_t sum = 0;
  for (int wave = 0; wave < waves; wave++) {
    pthread_t threads[ALIVE];
    for (uintptr_t i = 0; i < ALIVE; i++)
      REQUIRE(!pthread_create(&threads[i], NULL, thread, (void *)(wave * 100 + i)));
    for (int i = 0; i < ALIVE; i++) {
      void *result;
      REQUIRE(!pthread_join(threads[i], &result));
      sum = mix(sum, (uintptr_t)result);
    }
  }
  printf("%d threads: %016lx\n", waves * ALIVE, sum);
  return 0;
}
