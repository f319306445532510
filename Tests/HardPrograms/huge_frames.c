// build: gcc -O2 -pthread
// also[clang]: clang -O2 -pthread
// counts: callgrind
// calls: main=1 huge=400 touch=800 dig=8000 thread=1
// Frames of a megabyte (alloca) between small ones, so that consecutive traced frames lie in distant parts of the
// shadow map, on the main stack and on a thread's.
#include "hard.h"
#include <alloca.h>
#include <pthread.h>
#include <string.h>

TRACED uint64_t touch(volatile char *memory, size_t size, uint64_t x) {
  for (size_t i = 0; i < size; i += 65536) memory[i] = (char)(x + i);
  KEEP;
  return memory[size / 65536 / 2 * 65536];
}

TRACED uint64_t dig(int depth, uint64_t x) {
  x = depth ? dig(depth - 1, x * 3 + 1) : x;
  KEEP;
  return x + depth;
}

TRACED uint64_t huge(int depth, uint64_t x) {
  size_t size = (1 << 20) + (depth * 4096);
  volatile char *memory = alloca(size);
  x = mix(x, touch(memory, size, x));
  x = mix(x, dig(19, x));
  if (depth) x = huge(depth - 1, x);
  x = mix(x, touch(memory, size, x));
  KEEP;
  return x;
}

TRACED void *thread(void *argument) {
  uint64_t sum = (uintptr_t)argument;
  for (int i = 0; i < 50; i++) sum = huge(3, sum);
  return (void *)(uintptr_t)sum;
}

int main(void) {
  uint64_t sum = 1;
  for (int i = 0; i < 50; i++) sum = huge(3, sum);
  printf("%016lx\n", sum);
  pthread_t id;
  void *result;
  REQUIRE(!pthread_create(&id, NULL, thread, (void *)9));
  REQUIRE(!pthread_join(id, &result));
  printf("%016lx\n", (uintptr_t)result);
  return 0;
}
