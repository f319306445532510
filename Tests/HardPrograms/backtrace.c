// build: gcc -O2 -pthread
// also[clang]: clang -O2 -pthread -fasynchronous-unwind-tables
// also[static]: gcc -O2 -pthread -static
// also[cet]: gcc -O2 -pthread -fcf-protection=full
// also[other_unwind]: gcc -O2 -pthread -Wl,--no-as-needed -l:libunwind.so.8
// counts: callgrind
// needs-slow: re_armed
// backtrace() and _Unwind_Backtrace under traced frames, deep, from a thread, from a handler, and stopped half way: the
// frames must be the real ones, and every return after it must be seen.
#include "hard.h"
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <unwind.h>

TRACED uint64_t bottom(int how);
TRACED uint64_t middle(int how);
TRACED uint64_t recurse(int depth, int how);
TRACED void handler(int signal);
TRACED void *thread(void *argument);
int main(void);

// The name of the function that `address` returns into: the nearest of ours at or below it, if it is near.
UNTRACED static const char *name_of(const void *address) {
  static const struct {
    const char *name;
    const void *start;
  } functions[] = {{"bottom", bottom}, {"middle", middle}, {"recurse", recurse},
                   {"handler", handler}, {"thread", thread}, {"main", main}};
  const char *name = "other";
  uintptr_t best = 600;
  for (unsigned i = 0; i < sizeof functions / sizeof functions[0]; i++) {
    uintptr_t distance = (uintptr_t)address - 1 - (uintptr_t)functions[i].start;
    if (distance < best) {
      best = distance;
      name = functions[i].name;
    }
  }
  return name;
}

struct walk {
  void *frames[128];
  int count, stop;
};

UNTRACED static _Unwind_Reason_Code one_frame(struct _Unwind_Context *context, void *argument) {
  struct walk *walk = argument;
  walk->frames[walk->count++] = (void *)_Unwind_GetIP(context);
  return walk->count == walk->stop ? _URC_NORMAL_STOP : _URC_NO_REASON;
}

TRACED uint64_t bottom(int how) {
  struct walk walk = {.stop = how == 2 ? 4 : 128};
  if (how == 0)
    walk.count = backtrace(walk.frames, 128);
  else
    _Unwind_Backtrace(one_frame, &walk);
  if (how < 4) {
    printf("%d frames:", walk.count);
    for (int i = 0; i < walk.count; i++) printf(" %s", name_of(walk.frames[i]));
    printf("\n");
  }
  return walk.count;
}

TRACED uint64_t middle(int how) {
  uint64_t count = bottom(how);
  KEEP;
  return count * 3;
}

TRACED uint64_t recurse(int depth, int how) {
  KEEP;
  uint64_t count = depth ? recurse(depth - 1, how) : middle(how);
  KEEP;
  return count * 7 + depth;
}

static volatile uint64_t in_handler;

TRACED void handler(int signal) {
  in_handler = middle(signal == SIGUSR1 ? 1 : 0);
}

TRACED void *thread(void *argument) {
  uint64_t count = recurse(2, (int)(intptr_t)argument);
  KEEP;
  return (void *)(uintptr_t)count;
}

int main(void) {
  for (int how = 0; how < 3; how++) printf("= %lu\n", recurse(5, how));
  uint64_t sum = 0;
  for (int i = 0; i < 500; i++) sum = mix(sum, recurse(i % 40, 4));
  printf("%016lx\n", sum);
  pthread_t id;
  void *result;
  REQUIRE(!pthread_create(&id, NULL, thread, NULL));
  REQUIRE(!pthread_join(id, &result));
  printf("= %lu\n", (uintptr_t)result);
  signal(SIGUSR1, handler);
  raise(SIGUSR1);
  printf("= %lu\n", in_handler);
  return 0;
}
