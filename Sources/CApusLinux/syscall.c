#define _GNU_SOURCE
#include <errno.h>
#include <unistd.h>

#include "apus_linux.h"

long apus_syscall(long number, long a, long b, long c, long d, long e, long f) {
  long result = syscall(number, a, b, c, d, e, f);
  return result == -1 ? -(long)errno : result;
}

char **apus_environment(void) { return environ; }
