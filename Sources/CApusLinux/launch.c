#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "apus_linux.h"

// What this program was started with: a child is started with the same.
static sigset_t start_mask;
static unsigned char start_ignored[NSIG];

__attribute__((constructor)) static void remember_start(void) {
  pthread_sigmask(SIG_SETMASK, NULL, &start_mask);
  for (int number = 1; number < NSIG; number++) {
    struct sigaction action;
    start_ignored[number] = sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
  }
}

// Only async-signal-safe calls: other threads of the parent may hold any lock.
static _Noreturn void become(char *const *argv, char *const *envp, int gate_read, int gate_write,
                             int error_write) {
  for (int number = 1; number < NSIG; number++) {
    if (number == SIGKILL || number == SIGSTOP) continue;
    struct sigaction action = {.sa_handler = start_ignored[number] ? SIG_IGN : SIG_DFL};
    sigaction(number, &action, NULL);  // the two that libc keeps for itself refuse: EINVAL
  }
  close(gate_write);  // so that our parent's death is an end of file
  char byte;
  ssize_t got;
  do {
    got = read(gate_read, &byte, 1);
  } while (got < 0 && errno == EINTR);
  if (got != 1) _exit(127);
  sigprocmask(SIG_SETMASK, &start_mask, NULL);
  execvpe(argv[0], argv, envp);
  int32_t error = errno;
  ssize_t written;
  do {
    written = write(error_write, &error, sizeof error);
  } while (written < 0 && errno == EINTR);
  _exit(127);
}

int apus_launch(char *const *argv, char *const *envp, int gate_read, int gate_write, int error_write) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // no handler of ours may run in the child
  pid_t child = fork();
  int error = errno;
  if (child == 0) become(argv, envp, gate_read, gate_write, error_write);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return child < 0 ? -error : child;
}
