// build: gcc -O2 -pthread
// also[static]: gcc -O2 -pthread -static
// also[thread]: gcc -O2 -pthread -DFROM_THREAD
// counts: listed
// oracle: gcov
// calls: main=1 nest=101 leaf=101 replace=1 busy=any busy_leaf=any
// status: 42
// exec under traced frames ends the process's part of the record: what came before is kept, the new program (the same
// file, with other arguments) runs untraced to its own exit status. Also from a second thread while a third is busy.
#include "hard.h"
#include <pthread.h>

static char *self;

TRACED uint64_t leaf(uint64_t x) {
  KEEP;
  return x * 19 + 3;
}

TRACED void replace(uint64_t sum) {
  char text[32];
  snprintf(text, sizeof text, "%016lx", sum);
  char *arguments[] = {self, "again", text, NULL};
  // For coverage counts: another program, since this one would add to the same counts.
  if (getenv("HARD_ORACLE")) execl("/bin/sh", "sh", "-c", "exit 42", NULL);
  execv("/proc/self/exe", arguments);
  REQUIRE(0);
}

TRACED uint64_t nest(int depth, uint64_t sum) {
  sum = mix(sum, leaf(depth));
  if (depth == 0) replace(sum);
  sum = nest(depth - 1, sum);
  KEEP;
  return sum + 1;
}

TRACED uint64_t busy_leaf(uint64_t x) {
  KEEP;
  return x + 1;
}

TRACED void *busy(void *argument) {
  for (uint64_t x = 0;; x = busy_leaf(x)) KEEP;
  return argument;
}

UNTRACED static void *from_thread(void *argument) {
  nest(100, 1);
  return argument;
}

int main(int count, char **arguments) {
  if (count > 1) {
    printf("replaced: %s %016lx\n", arguments[2], leaf(count));
    return 42;
  }
  self = arguments[0];
  printf("before\n");
  fflush(stdout);
#ifdef FROM_THREAD
  pthread_t id, other;
  REQUIRE(!pthread_create(&other, NULL, busy, NULL));
  usleep(20000);
  REQUIRE(!pthread_create(&id, NULL, from_thread, NULL));
  pthread_join(id, NULL);
#else
  from_thread(NULL);
#endif
  return 1;
}
