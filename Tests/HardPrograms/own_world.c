// build: gcc -O2 -pthread
// counts: listed
// calls: main=1 work=2000 leaf=10000 thread=1
// The program closes every descriptor, changes its directory, its limits, its signal mask, its session and its clothes
// (a user without rights, if it may): nothing of the tracer may hang on them.
#include "hard.h"
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

TRACED uint64_t leaf(uint64_t x) {
  KEEP;
  return x * 61 + 1;
}

TRACED uint64_t work(uint64_t x) {
  for (int i = 0; i < 5; i++) x = mix(x, leaf(x));
  KEEP;
  return x;
}

TRACED void *thread(void *argument) {
  uint64_t sum = (uintptr_t)argument;
  for (int i = 0; i < 1000; i++) sum = mix(sum, work(i));
  return (void *)(uintptr_t)sum;
}

UNTRACED static void change_everything(void) {
  syscall(SYS_close_range, 3, 1000, 0);
  REQUIRE(!chdir("/"));
  setsid();
  struct rlimit few = {3, 3};
  setrlimit(RLIMIT_NOFILE, &few);
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  setrlimit(RLIMIT_MEMLOCK, &none);
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, NULL);
  prctl(PR_SET_DUMPABLE, 0);
  if (getuid() == 0) REQUIRE(!setgid(65534) && !setuid(65534));
}

int main(void) {
  if (!getenv("HARD_ORACLE")) change_everything();  // valgrind needs its descriptors
  uint64_t sum = 0;
  for (int i = 0; i < 1000; i++) sum = mix(sum, work(i));
  pthread_t id;
  void *result;
  REQUIRE(!pthread_create(&id, NULL, thread, (void *)3));
  REQUIRE(!pthread_join(id, &result));
  printf("%016lx %016lx\n", sum, (uintptr_t)result);
  return 0;
}
