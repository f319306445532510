// build: gcc -O2 -pthread
// also[static]: gcc -O2 -pthread -static
// counts: callgrind
// calls: main=1 dig=24024 start=4
// mlockall(): what is reserved for tracing must not be filled with pages, present and future; what the program touches is locked.
#include "hard.h"
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

TRACED uint64_t dig(int depth, uint64_t x) {
  char room[512];
  memset(room, depth, sizeof room);
  x = mix(x, room[depth % 512]);
  if (depth) x = dig(depth - 1, x);
  KEEP;
  return x + room[3];
}

TRACED void *start(void *argument) {
  return (void *)dig(1000, (uintptr_t)argument);
}

UNTRACED static long kilobytes(const char *what) {
  FILE *file = fopen("/proc/self/status", "r");
  char line[256];
  long result = -1;
  while (fgets(line, sizeof line, file))
    if (!strncmp(line, what, strlen(what))) result = atol(line + strlen(what));
  fclose(file);
  return result;
}

int main(void) {
  // Only root may lock as much as it likes; for others it is a matter of their limits.
  int locked = !mlockall(MCL_CURRENT | MCL_FUTURE);
  REQUIRE(locked || geteuid() != 0);
  REQUIRE(!locked || kilobytes("VmLck:") > 0);
  uint64_t sum = 0;
  for (int i = 0; i < 20; i++) sum = mix(sum, dig(1000, i));
  for (long i = 0; i < 4; i++) {
    pthread_t id;
    void *result;
    REQUIRE(!pthread_create(&id, NULL, start, (void *)i));
    REQUIRE(!pthread_join(id, &result));
    sum = mix(sum, (uintptr_t)result);
  }
  REQUIRE(kilobytes("VmRSS:") < 1 << 18);
  REQUIRE(mlockall(0) != 0);
  REQUIRE(mlockall(MCL_ONFAULT) != 0);
  REQUIRE(!munlockall());
  printf("%016lx\n", sum);
  return 0;
}
