// build: gcc -O2 -pthread
// counts: callgrind
// calls: main=1 outlive=3 leaf=3000 leave=1
// The main thread leaves by pthread_exit under traced frames; the others go on, and the process ends with the last.
#include "hard.h"
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t main_thread;

TRACED uint64_t leaf(uint64_t x) {
  KEEP;
  return x * 67 + 1;
}

static uint64_t total;
static int left = 3;

TRACED void *outlive(void *argument) {
  uint64_t sum = (uintptr_t)argument;
  if (sum == 0) pthread_join(main_thread, NULL);
  for (int i = 0; i < 1000; i++) sum = mix(sum, leaf(i));
  pthread_mutex_lock(&lock);
  total += sum;
  if (--left == 0) printf("%016lx\n", total);
  pthread_mutex_unlock(&lock);
  return argument;
}

TRACED void leave(void) {
  pthread_exit(NULL);
}

int main(void) {
  main_thread = pthread_self();
  for (uintptr_t i = 0; i < 3; i++) {
    pthread_t id;
    REQUIRE(!pthread_create(&id, NULL, outlive, (void *)i));
    pthread_detach(id);
  }
  leave();
  KEEP;
  return 9;
}
