// build: gcc -O2 -pthread
// also[clang]: clang -O2 -pthread
// also[static]: gcc -O2 -pthread -static
// counts: listed
// calls: main=1 nest=175 forking=25 leaf=25 on_signal=5 in_thread=1
// fork under traced frames: both sides return through them and go on calling. The child loses the right to write, never
// a return address. Also from a second thread, and in a signal handler. (Only the parent's calls are counted.)
#include "hard.h"
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

static pid_t child;
static int channel[2];
static volatile int fork_in_handler;

TRACED uint64_t leaf(uint64_t x) {
  KEEP;
  return x * 11 + 2;
}

TRACED void on_signal(int signal) {
  (void)signal;
  child = fork();
  KEEP;
}

TRACED uint64_t forking(uint64_t x) {
  if (fork_in_handler)
    raise(SIGUSR1);
  else
    child = fork();
  REQUIRE(child >= 0);
  KEEP;
  return x + 1;
}

TRACED uint64_t nest(int depth, uint64_t x) {
  uint64_t result = depth ? nest(depth - 1, x * 3) : forking(x);
  KEEP;
  return result * 5 + depth;
}

// Both sides come back here; the child sends what it computed, the parent prints both.
UNTRACED static void both_sides(uint64_t x) {
  REQUIRE(!pipe(channel));
  uint64_t result = nest(6, x);
  result = mix(result, leaf(result));
  if (child == 0) {
    for (int i = 0; i < 20; i++) result = mix(result, leaf(i));
    if (write(channel[1], &result, sizeof result) != sizeof result) _exit(1);
    _exit(7);
  }
  uint64_t theirs;
  REQUIRE(read(channel[0], &theirs, sizeof theirs) == sizeof theirs);
  close(channel[0]);
  close(channel[1]);
  int status;
  REQUIRE(waitpid(child, &status, 0) == child);
  printf("%016lx %016lx %d\n", result, theirs, WEXITSTATUS(status));
}

TRACED void *in_thread(void *argument) {
  for (int i = 0; i < 10; i++) both_sides(100 + i);
  return argument;
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  for (int i = 0; i < 10; i++) both_sides(i);
  pthread_t id;
  REQUIRE(!pthread_create(&id, NULL, in_thread, NULL));
  REQUIRE(!pthread_join(id, NULL));
  signal(SIGUSR1, on_signal);
  fork_in_handler = 1;
  for (int i = 0; i < 5; i++) both_sides(1000 + i);
  return 0;
}
