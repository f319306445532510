// build: gcc -O2 -pthread
// also[clang]: clang -O2 -pthread
// counts: callgrind
// calls: main=1 body=20 dig=2020 leaf=4000 yield=2000 resume=2020
// A context with open traced frames moves between threads: started by one, resumed by each of four in turn, finished by
// another. What a frame left must be found by its address, not by the thread that made it.
#include "hard.h"
#include <pthread.h>
#include <ucontext.h>

#define COUNT 20
#define THREADS 4
#define SIZE 65536

static ucontext_t scheduler, context;
static char stack[SIZE] __attribute__((aligned(64)));
static volatile int finished, turn, stop;
static uint64_t sum;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

TRACED uint64_t leaf(uint64_t x) {
  KEEP;
  return x * 31 + 1;
}

TRACED void yield(void) {
  swapcontext(&context, &scheduler);
  KEEP;
}

TRACED uint64_t dig(int depth, uint64_t x) {
  if (depth == 0) return x;
  x = mix(x, leaf(depth));
  yield();
  x = dig(depth - 1, x);
  sum = mix(sum, leaf(x));
  KEEP;
  return x + 1;
}

TRACED void body(int which) {
  sum = mix(sum, dig(100, which));
  finished = 1;
}

TRACED void resume(void) {
  swapcontext(&scheduler, &context);
  KEEP;
}

// Each thread resumes the context when it is its turn, so that it goes round.
UNTRACED static void *worker(void *argument) {
  int me = (int)(intptr_t)argument;
  pthread_mutex_lock(&lock);
  while (!stop) {
    if (turn != me) {
      pthread_cond_wait(&changed, &lock);
      continue;
    }
    resume();
    turn = finished ? THREADS : (me + 1) % THREADS;
    pthread_cond_broadcast(&changed);
  }
  pthread_mutex_unlock(&lock);
  return NULL;
}

int main(void) {
  pthread_t threads[THREADS];
  turn = THREADS;
  for (intptr_t i = 0; i < THREADS; i++) REQUIRE(!pthread_create(&threads[i], NULL, worker, (void *)i));
  for (int i = 0; i < COUNT; i++) {
    pthread_mutex_lock(&lock);
    finished = 0;
    getcontext(&context);
    context.uc_stack.ss_sp = stack;
    context.uc_stack.ss_size = SIZE;
    context.uc_link = &scheduler;
    makecontext(&context, (void (*)(void))body, 1, i);
    turn = i % THREADS;
    pthread_cond_broadcast(&changed);
    while (turn != THREADS) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    printf("%d: %016lx\n", i, sum);
  }
  pthread_mutex_lock(&lock);
  stop = 1;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
  for (int i = 0; i < THREADS; i++) REQUIRE(!pthread_join(threads[i], NULL));
  return 0;
}
