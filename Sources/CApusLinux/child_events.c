#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "apus_linux.h"

// A signalfd would need SIGCHLD blocked in every thread of the process, those of libraries included: a thread
// that has it unblocked and ignored swallows it. A handler is heard whichever thread is chosen.

enum { SLOTS = 64 };
static _Atomic int slots[SLOTS];  // eventfd + 1; 0 is free. Written under `guard`, read by the handler.
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static int installed;
static struct sigaction previous;

static void on_child(int signal, siginfo_t *info, void *context) {
  int saved = errno;
  for (int i = 0; i < SLOTS; i++) {
    int descriptor = atomic_load_explicit(&slots[i], memory_order_acquire) - 1;
    if (descriptor >= 0) {
      uint64_t one = 1;
      // Nothing can be done here about a failure: a full counter (EAGAIN) wakes its reader all the same.
      ssize_t written = write(descriptor, &one, sizeof one);
      (void)written;
    }
  }
  if (previous.sa_flags & SA_SIGINFO) {
    previous.sa_sigaction(signal, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
  }
  errno = saved;
}

int apus_child_events_register(int descriptor) {
  int result = EMFILE;
  pthread_mutex_lock(&guard);
  if (!installed) {
    struct sigaction action = {.sa_sigaction = on_child, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGCHLD, NULL, &previous) != 0 || sigaction(SIGCHLD, &action, NULL) != 0) {
      result = errno;
      pthread_mutex_unlock(&guard);
      return result;
    }
    installed = 1;
  }
  for (int i = 0; i < SLOTS; i++) {
    if (atomic_load_explicit(&slots[i], memory_order_relaxed) == 0) {
      atomic_store_explicit(&slots[i], descriptor + 1, memory_order_release);
      result = 0;
      break;
    }
  }
  pthread_mutex_unlock(&guard);
  if (result == 0) {
    // The kernel drops an ignored signal unless the thread that it is sent to has a handler or blocks it.
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    result = pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  }
  return result;
}

void apus_child_events_unregister(int descriptor) {
  pthread_mutex_lock(&guard);
  for (int i = 0; i < SLOTS; i++) {
    if (atomic_load_explicit(&slots[i], memory_order_relaxed) == descriptor + 1) {
      atomic_store_explicit(&slots[i], 0, memory_order_release);
    }
  }
  pthread_mutex_unlock(&guard);
}
