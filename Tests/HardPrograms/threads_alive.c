// build: gcc -O2 -pthread
// counts: listed
// oracle: gcov
// limit: 60
// calls: main=1 thread=10000 outer=10000 inner=20000 wait_for_all=10000
// args[arm64]: 2000
// calls[arm64]: main=1 thread=2000 outer=2000 inner=4000 wait_for_all=2000
// 10,000 threads alive at once, each with open traced frames, on stacks as small as threads may have: thread pointers spaced by one
// stack size must not collide, contexts and buffers must suffice or wait.
//   threads_alive [COUNT]      fewer where a machine is so slow that its threads take minutes
#include "hard.h"
#include <pthread.h>

#define MOST 10000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int count = MOST, arrived, released;
static uint64_t total;
static pthread_t threads[MOST];

TRACED uint64_t inner(uint64_t x) {
  KEEP;
  return x * 5 + 7;
}

TRACED void wait_for_all(void) {
  pthread_mutex_lock(&lock);
  if (++arrived == count) pthread_cond_broadcast(&changed);
  while (!released) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
  KEEP;
}

TRACED uint64_t outer(uint64_t x) {
  uint64_t before = inner(x);
  wait_for_all();
  uint64_t after = inner(before);
  KEEP;
  return after;
}

TRACED void *thread(void *argument) {
  uint64_t result = outer((uintptr_t)argument);
  __atomic_add_fetch(&total, mix(1, result), __ATOMIC_RELAXED);
  return NULL;
}

int main(int words, char **arguments) {
  if (words > 1) count = atoi(arguments[1]);
  REQUIRE(count > 0 && count <= MOST);
  pthread_attr_t small;
  pthread_attr_init(&small);
  // The least is 16 KiB on x86_64 and 128 KiB on arm64.
  long least = sysconf(_SC_THREAD_STACK_MIN);
  REQUIRE(!pthread_attr_setstacksize(&small, least > 32 * 1024 ? least : 32 * 1024));
  for (uintptr_t i = 0; i < count; i++)
    REQUIRE(!pthread_create(&threads[i], &small, thread, (void *)i));
  pthread_mutex_lock(&lock);
  while (arrived < count) pthread_cond_wait(&changed, &lock);
  released = 1;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
  for (int i = 0; i < count; i++) REQUIRE(!pthread_join(threads[i], NULL));
  printf("%d alive: %016lx\n", count, total);
  return 0;
}
