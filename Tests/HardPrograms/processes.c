// build: gcc -O2
// also[clang]: clang -O2
// counts: listed
// calls: main=1 run=12 by_vfork=4 by_spawn=4 by_system=2 by_popen=2 nest=60 leaf=60 in_child=any child_side=any
// vfork (whose child runs on the parent's memory and thread pointer, and calls traced functions there), posix_spawn,
// system and popen, under traced frames.
#include "hard.h"
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

TRACED uint64_t leaf(uint64_t x) {
  KEEP;
  return x * 17 + 3;
}

TRACED uint64_t in_child(uint64_t x) {
  KEEP;
  return x + 40;
}

TRACED void child_side(char **arguments, int exec) {
  if (exec) execv("/bin/sh", arguments);
  _exit((int)in_child(2));
}

TRACED uint64_t by_vfork(int i) {
  char command[32], *arguments[] = {"sh", "-c", command, NULL};
  snprintf(command, sizeof command, "exit %d", 20 + i);
  int status;
  pid_t child = vfork();
  if (child == 0) {
    child_side(arguments, i % 2);
    _exit(99);
  }
  REQUIRE(child > 0 && waitpid(child, &status, 0) == child);
  return WEXITSTATUS(status);
}

TRACED uint64_t by_spawn(int i) {
  char command[32], *arguments[] = {"sh", "-c", command, NULL};
  snprintf(command, sizeof command, "exit %d", 30 + i);
  int status;
  pid_t child;
  REQUIRE(!posix_spawn(&child, "/bin/sh", NULL, NULL, arguments, environ));
  REQUIRE(waitpid(child, &status, 0) == child);
  return WEXITSTATUS(status);
}

TRACED uint64_t by_system(int i) {
  char command[32];
  snprintf(command, sizeof command, "exit %d", 50 + i);
  int status = system(command);
  return WEXITSTATUS(status);
}

TRACED uint64_t by_popen(int i) {
  char command[32], line[32];
  snprintf(command, sizeof command, "echo %d", 60 + i);
  FILE *file = popen(command, "r");
  REQUIRE(file && fgets(line, sizeof line, file) && pclose(file) == 0);
  return strtoul(line, NULL, 10);
}

TRACED uint64_t nest(int depth, int i) {
  static uint64_t (*const ways[])(int) = {by_vfork, by_spawn, by_system, by_popen};
  uint64_t sum = depth ? nest(depth - 1, i) : i < 4 ? by_vfork(i) : i < 8 ? by_spawn(i) : ways[2 + i % 2](i);
  sum = mix(sum, leaf(depth));
  KEEP;
  return sum;
}

TRACED void run(int i) {
  printf("%d: %016lx\n", i, nest(4, i));
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  for (int i = 0; i < 12; i++) run(i);
  return 0;
}
