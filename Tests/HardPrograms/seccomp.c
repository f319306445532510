// build: gcc -O2 -pthread
// also[clang]: clang -O2 -pthread
// counts: callgrind
// calls: main=1 work=20000 fresh=1 first_here=1 fill=400000
// A seccomp filter installed by the program kills it at any system call but write, exit and what ends a process; then come
// functions and stack depths never seen before, and more events than any buffer holds: slow paths make no system call.
#include "hard.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

TRACED uint64_t fill(uint64_t x) {
  KEEP;
  return x * 59 + 1;
}

TRACED uint64_t work(uint64_t x) {
  for (int i = 0; i < 20; i++) x = mix(x, fill(x));
  KEEP;
  return x;
}

TRACED uint64_t first_here(uint64_t x) {
  KEEP;
  return x + 1;
}

TRACED uint64_t fresh(uint64_t x) {
  volatile char room[300000];
  room[0] = (char)x;
  room[299999] = room[0];
  x = first_here(x) + room[299999];
  KEEP;
  return x;
}

#define ALLOW(number) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

int main(void) {
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      ALLOW(SYS_write), ALLOW(SYS_exit), ALLOW(SYS_exit_group), ALLOW(SYS_rt_sigreturn),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)};
  struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  uint64_t sum = 0;
  for (int i = 0; i < 10000; i++) sum = mix(sum, work(i));
  if (!getenv("HARD_ORACLE")) {
    REQUIRE(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    REQUIRE(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
  }
  for (int i = 0; i < 10000; i++) sum = mix(sum, work(i));
  sum = mix(sum, fresh(sum));
  char text[17];
  for (int i = 0; i < 16; i++) text[i] = "0123456789abcdef"[sum >> (60 - 4 * i) & 15];
  text[16] = '\n';
  _exit(write(1, text, 17) != 17);
}
