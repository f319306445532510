// build: gcc -O2 -pthread
// also[clang]: clang -O2 -pthread
// also[exceptions]: gcc -O2 -pthread -fexceptions -DDEFERRED_ONLY
// also[static]: gcc -O2 -pthread -static
// counts: listed
// calls: main=1 deferred=30 sleeping=30 asynchronous=30 spinning=30 asynchronous_calls=30 busy=any leaves=30 leave=30 clean=120
// calls[exceptions]: main=1 deferred=30 sleeping=30 leaves=30 leave=30 clean=60
// needs-slow: unwound
// Cancellation in plain C: deferred, at a cancellation point under traced frames; asynchronous, in a loop of this
// thread's own; asynchronous in the midst of traced calls (perhaps in a trampoline); and pthread_exit. libgcc_s
// arrives by dlopen at the first of them. (With -fexceptions a cleanup is a landing pad, which only calls reach: there
// asynchronous cancellation is left out.)
#include "hard.h"
#include <pthread.h>
#include <semaphore.h>

static sem_t ready;
static uint64_t sum;

TRACED void clean(void *argument) {
  KEEP;
  __atomic_add_fetch(&sum, mix(3, (uintptr_t)argument), __ATOMIC_RELAXED);
}

TRACED void sleeping(void) {
  sem_post(&ready);
  for (;;) pause();
}

TRACED void *deferred(void *argument) {
  pthread_cleanup_push(clean, argument);
  sleeping();
  KEEP;
  pthread_cleanup_pop(0);
  return NULL;
}

#ifndef DEFERRED_ONLY
TRACED void spinning(void) {
  sem_post(&ready);
  for (;;) KEEP;
}

TRACED void *asynchronous(void *argument) {
  int old;
  pthread_cleanup_push(clean, argument);
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
  spinning();
  KEEP;
  pthread_cleanup_pop(0);
  return NULL;
}

TRACED void busy(int depth) {
  KEEP;
  if (depth) busy(depth - 1);
  KEEP;
}

TRACED void *asynchronous_calls(void *argument) {
  int old;
  pthread_cleanup_push(clean, argument);
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
  sem_post(&ready);
  for (;;) busy(10);
  pthread_cleanup_pop(0);
  return NULL;
}
#endif

TRACED void leave(void *argument) {
  KEEP;
  pthread_exit(argument);
}

TRACED void *leaves(void *argument) {
  pthread_cleanup_push(clean, argument);
  leave(PTHREAD_CANCELED);
  KEEP;
  pthread_cleanup_pop(0);
  return NULL;
}

int main(void) {
#ifdef DEFERRED_ONLY
  void *(*const kinds[])(void *) = {deferred, leaves};
#else
  void *(*const kinds[])(void *) = {deferred, asynchronous, asynchronous_calls, leaves};
#endif
  const uintptr_t count = sizeof kinds / sizeof kinds[0];
  REQUIRE(!sem_init(&ready, 0, 0));
  for (uintptr_t kind = 0; kind < count; kind++) {
    for (uintptr_t i = 0; i < 30; i++) {
      pthread_t id;
      void *result;
      REQUIRE(!pthread_create(&id, NULL, kinds[kind], (void *)(kind * 100 + i)));
      if (kind + 1 < count) {
        while (sem_wait(&ready)) continue;
        REQUIRE(!pthread_cancel(id));
      }
      REQUIRE(!pthread_join(id, &result));
      REQUIRE(result == PTHREAD_CANCELED);
    }
    printf("%lu: %016lx\n", kind, sum);
  }
  return 0;
}
