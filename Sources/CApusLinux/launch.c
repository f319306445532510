#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
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

int apus_ignored_at_start(int number) { return start_ignored[number]; }

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

int apus_spawn(char *const *argv, char *const *envp, const char *directory, int output) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int error = posix_spawn_file_actions_init(&actions);
  if (error != 0) return -error;
  error = posix_spawnattr_init(&attributes);
  if (error != 0) {
    posix_spawn_file_actions_destroy(&actions);
    return -error;
  }
  if (output >= 0) error = posix_spawn_file_actions_adddup2(&actions, output, 1);
  if (error == 0 && output >= 0) error = posix_spawn_file_actions_adddup2(&actions, output, 2);
  if (error == 0 && directory) error = posix_spawn_file_actions_addchdir_np(&actions, directory);
  sigset_t defaults;
  sigemptyset(&defaults);
  for (int number = 1; number < NSIG; number++)
    if (!start_ignored[number]) sigaddset(&defaults, number);
  if (error == 0) error = posix_spawnattr_setsigdefault(&attributes, &defaults);
  if (error == 0) error = posix_spawnattr_setsigmask(&attributes, &start_mask);
  if (error == 0) error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  pid_t child = 0;
  if (error == 0) error = posix_spawnp(&child, argv[0], &actions, &attributes, argv, envp);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error == 0 ? child : -error;
}
