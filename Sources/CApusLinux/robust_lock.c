#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "apus_linux.h"

// The futex word is the mutex's first member in glibc and musl alike.
_Static_assert(sizeof(pthread_mutex_t) <= APUS_ROBUST_LOCK_SIZE, "the lock area is too small");

int apus_robust_lock_init_and_lock(uintptr_t area) {
  pthread_mutex_t *mutex = (pthread_mutex_t *)area;
  pthread_mutexattr_t attributes;
  int error = pthread_mutexattr_init(&attributes);
  if (error != 0) return error;
  error = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  if (error == 0) error = pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  if (error == 0) error = pthread_mutex_init(mutex, &attributes);
  pthread_mutexattr_destroy(&attributes);
  return error != 0 ? error : pthread_mutex_lock(mutex);
}

int apus_robust_lock_unlock(uintptr_t area) { return pthread_mutex_unlock((pthread_mutex_t *)area); }

int apus_fork_lock_holder(uintptr_t area, int ready) {
  pid_t child = fork();
  if (child != 0) return child < 0 ? -errno : child;
  char byte = apus_robust_lock_init_and_lock(area) == 0;
  if (write(ready, &byte, 1) != 1) _exit(1);
  for (;;) pause();
}
