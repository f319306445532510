"""The small programs that the command is tried on."""

from command import FLAG

HEAD = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#define KEEP __attribute__((noipa))
#define QUIET __attribute__((patchable_function_entry(0)))
"""

CALLS = """
KEEP int c(int n) { return n + 1; }
KEEP int b(int n) { for (int i = 0; i < 3; i++) n = c(n); return n; }
KEEP int a(int n) { n = b(n); return b(n); }
int main(int argc, char **argv) {
  printf("%d\\n", a(0));
  return argc > 1 ? atoi(argv[1]) : 0;
}
"""

ENDS = """
KEEP void done(void) {}
KEEP void inner(const char *how) {
  done();
  if (!strcmp(how, "abort")) abort();
  if (!strcmp(how, "segv")) *(volatile int *)8 = 1;
  if (!strcmp(how, "kill")) kill(getpid(), SIGKILL);
  if (!strcmp(how, "term")) kill(getpid(), SIGTERM);
  if (!strcmp(how, "_exit")) _exit(9);
  if (!strcmp(how, "exit")) exit(9);
}
KEEP void outer(const char *how) { inner(how); done(); }
int main(int argc, char **argv) {
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  outer(argv[1]);
  return 77;
}
"""

ROOTS = """
static jmp_buf place;
KEEP void plain(void) {}
KEEP void inside(void) {}
KEEP void deeper(void) { inside(); longjmp(place, 1); }
KEEP void leaving(void) { inside(); deeper(); }
KEEP void root(void) { inside(); }
KEEP void again(int n) { inside(); if (n > 0) again(n - 1); inside(); }
int main(void) {
  plain();
  for (volatile int i = 0; i < 3; i++) {
    if (setjmp(place) == 0) leaving();
    plain();
    root();
    plain();
  }
  again(4);
  plain();
  return 0;
}
"""

DEPTH = """
static jmp_buf place;
KEEP void d5(int jump) { if (jump) longjmp(place, 1); }
KEEP void d4(int jump) { d5(jump); }
KEEP void d3(int jump) { d4(jump); }
KEEP void d2(int jump) { d3(jump); d3(0); }
KEEP void d1(int jump) { d2(jump); }
int main(void) {
  for (volatile int i = 0; i < 4; i++) {
    if (setjmp(place) == 0) d1(1);
    d1(0);
  }
  return 0;
}
"""

DEPTH_JUMPS = """
static sigjmp_buf around;
KEEP int inner(int n) { return n + 1; }
KEEP int work(int n) { return inner(n) + 1; }
KEEP void leave(void) { siglongjmp(around, 1); }
KEEP void handler(int number) { leave(); }
int main(void) {
    stack_t other = {.ss_sp = malloc(65536), .ss_size = 65536};
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
    volatile int n = 0;
    sigaltstack(&other, NULL);
    sigaction(SIGUSR1, &action, NULL);
    for (volatile int round = 0; round < 10; round++) {
        if (!sigsetjmp(around, 1)) raise(SIGUSR1);
        n = work(n);
    }
    return n == 20 ? 0 : 1;
}
"""

DURATIONS = """
QUIET static long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000L + t.tv_nsec;
}
KEEP void brief(void) {}
KEEP void wrapper(void) { brief(); brief(); }
KEEP void slow(void) { brief(); for (long end = now() + 30000000; now() < end;) wrapper(); brief(); }
KEEP void parent(void) { brief(); slow(); brief(); }
int main(void) {
  for (int i = 0; i < 1000; i++) wrapper();
  parent();
  for (int i = 0; i < 1000; i++) brief();
  slow();
  return 0;
}
"""

MANY = """
KEEP int tick(int n) { return n + 1; }
KEEP int tock(int n) { return tick(n); }
int main(int argc, char **argv) {
  int n = 0;
  for (long i = atol(argv[1]); i > 0; i--) n = tock(n);
  printf("%d\\n", n);
  return 3;
}
"""

LATER = MANY.replace("  int n = 0;", """  char line[9];
  int n = 0;
  puts("ready");
  fflush(stdout);
  if (!fgets(line, sizeof line, stdin)) return 9;""").replace("return 3", "return 0")

THREADS = """
#include <sys/syscall.h>
KEEP void unit(void) {}
KEEP void *work(void *count) {
  for (long i = 0; i < (long)count; i++) unit();
  printf("%ld %ld\\n", (long)syscall(SYS_gettid), (long)count);
  return 0;
}
int main(void) {
  pthread_t threads[3];
  for (long i = 0; i < 3; i++) pthread_create(&threads[i], 0, work, (void *)(100 * (i + 1)));
  for (int i = 0; i < 3; i++) pthread_join(threads[i], 0);
  return 0;
}
"""

# Three tasks at once on the thread pointer of a thread, then a thread of its own with that thread pointer.
SHARED = """
#include <sched.h>
#include <sys/syscall.h>
static char stacks[2][1 << 16] __attribute__((aligned(64)));
static volatile int ready, go;
static volatile int over[2];
KEEP long work(long n) { return n + 1; }
static QUIET int task(void *argument) {
  __atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
  while (!go) ;
  for (long n = 0; n < 20000; n++) work(n);
  syscall(SYS_exit, 0);
  return 0;
}
static QUIET void *sharing(void *argument) {
  work(0);
  for (long i = 0; i < 2; i++) {
    over[i] = 1;
    clone(task, stacks[i] + sizeof stacks[i], CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD
          | CLONE_CHILD_CLEARTID, (void *)i, 0, 0, &over[i]);
    while (ready <= i) ;
  }
  go = 1;
  for (long n = 0; n < 20000; n++) work(n);
  while (over[0] || over[1]) ;
  return (void *)pthread_self();
}
static QUIET void *alone(void *argument) {
  work(0);
  return (void *)pthread_self();
}
int main(void) {
  pthread_t thread;
  void *first, *second;
  pthread_create(&thread, 0, sharing, 0);
  pthread_join(thread, &first);
  pthread_create(&thread, 0, alone, 0);
  pthread_join(thread, &second);
  puts(first == second ? "again" : "elsewhere");
  return 0;
}
"""

SMALL = """
KEEP void *want(void) { return malloc(1 << 20); }
int main(void) {
  struct rlimit limit = {1 << 30, 1 << 30};
  setrlimit(RLIMIT_AS, &limit);
  void *got = want();
  return got == 0 ? 3 : 0;
}
"""

# So many call sites that memory must be mapped for them when it is opened.
WIDE = """
#define ONE(n) int wide_##n(int x) { return x + 1; }
#define TEN(n) ONE(n##0) ONE(n##1) ONE(n##2) ONE(n##3) ONE(n##4) ONE(n##5) ONE(n##6) ONE(n##7) ONE(n##8) ONE(n##9)
#define HUNDRED(n) TEN(n##0) TEN(n##1) TEN(n##2) TEN(n##3) TEN(n##4) TEN(n##5) TEN(n##6) TEN(n##7) TEN(n##8) TEN(n##9)
#define THOUSAND(n) HUNDRED(n##0) HUNDRED(n##1) HUNDRED(n##2) HUNDRED(n##3) HUNDRED(n##4) HUNDRED(n##5) HUNDRED(n##6) \\
  HUNDRED(n##7) HUNDRED(n##8) HUNDRED(n##9)
THOUSAND(1) THOUSAND(2)
int plugin_entry(int n) { return wide_1000(n); }
"""

# Opens a library when it may not write files any more.
UNWRITING = """
KEEP void own(void) {}
int main(int argc, char **argv) {
  struct rlimit limit = {0, 0};
  setrlimit(RLIMIT_FSIZE, &limit);
  void *library = dlopen(argv[1], RTLD_NOW);
  int (*entry)(int) = library ? (int (*)(int))dlsym(library, "plugin_entry") : 0;
  own();
  return entry ? entry(6) : 9;
}
"""

PLUGIN = """
KEEP int plugged(int n) { return n * 2; }
__attribute__((constructor)) void plugin_begins(void) { plugged(0); }
KEEP int plugin_entry(int n) { return plugged(plugged(n)); }
"""

PLUGS = """
KEEP void own(void) {}
__attribute__((constructor)) void before_main(void) { own(); }
__attribute__((destructor)) void after_main(void) { own(); }
int main(int argc, char **argv) {
  void *library = dlopen(argv[1], RTLD_NOW);
  int (*entry)(int) = library ? (int (*)(int))dlsym(library, "plugin_entry") : 0;
  if (!entry) return 1;
  printf("%d\\n", entry(5));
  return 0;
}
"""

FORKS = """
KEEP int step(int n) { return n + 1; }
KEEP int under(void) {
  pid_t child = fork();
  int n = 0;
  for (int i = 0; i < (child ? 10 : 1000); i++) n = step(n);
  if (child) waitpid(child, 0, 0);
  return n;
}
int main(void) {
  int n = under();
  printf("%d\\n", n);
  return n == 10 ? 4 : 0;
}
"""

EXECS = """
KEEP void before(void) {}
int main(int argc, char **argv) {
  before();
  execv(argv[1], argv + 1);
  return 99;
}
"""

WAITS = """
static volatile int caught, stop;
KEEP void on_signal(int number) { caught = number; if (number != SIGUSR1) stop = number; }
KEEP void say(const char *text, int number) { printf("%s %d\\n", text, number); fflush(stdout); }
int main(void) {
  sigset_t all, none;
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGTERM, &action, 0);
  sigaction(SIGUSR1, &action, 0);
  sigaction(SIGINT, &action, 0);
  sigfillset(&all);
  sigemptyset(&none);
  sigprocmask(SIG_BLOCK, &all, 0);
  say("ready", getpid());
  int seen = 0;
  while (!stop) {
    sigsuspend(&none);
    seen++;
    say("signal", caught);
  }
  sigset_t pending;
  sigpending(&pending);
  if (sigismember(&pending, stop)) say("twice", stop);
  return 40 + seen;
}
"""

READS = """
KEEP void line(char *text) { text[0] ^= 32; }
int main(void) {
  char text[100];
  while (fgets(text, sizeof text, stdin)) { line(text); fputs(text, stdout); }
  return 0;
}
"""

IDENTITY = """
KEEP void who(void) { printf("%d %d\\n", getuid(), geteuid()); }
int main(void) { who(); return 0; }
"""

# Functions of the program's own with names that hooks look for.
NAMESAKES = """
#include <stdint.h>
#include <sys/mman.h>
struct context { uintptr_t place; };
KEEP QUIET int mlockall(int n) { return n * 10 + n / 3; }
KEEP QUIET void _Unwind_SetIP(struct context *context, uintptr_t place) {
  context->place = place;
  __asm__ volatile("nop; nop; nop; nop; nop; nop");
}
KEEP int asks(int n) {
  // A context at the very end of what is mapped.
  char *pages = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(pages + 4096, 4096);
  struct context *context = (struct context *)(pages + 4096) - 1;
  _Unwind_SetIP(context, 5);
  return mlockall(n) + context->place;
}
int main(void) {
  printf("%d\\n", asks(3));
  return 0;
}
"""

# The root's last call, and that one's, are jumps.
ROOT_TAILS = """
KEEP int leaf(int n) { return n + 1; }
KEEP int last(int n) { n = leaf(n); return n * 2; }
KEEP int work(int n) { n = leaf(n); return last(n); }
KEEP int root(int n) { n = leaf(n); return work(n); }
KEEP int other(int n) { return leaf(n) * 3; }
int main(void) {
  int n = 0;
  for (int i = 0; i < 3; i++) n = other(root(n));
  return n == 0;
}
"""

PLAIN = [FLAG]

# Sets all registers to known values, calls a function that has a call site, and looks at them again: the exit status is the
# number of the first that has changed (general registers from 1 on, vector registers from 21 on).
GENERAL = ["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"]


def known(register):
    """What is in a general register at the call."""
    return 0x1122334455667700 + GENERAL.index(register)


def registers_assembly():
    lines = [
        ".text", ".globl callee", ".type callee, @function", "callee:", "0: .byte 0x0f, 0x1f, 0x44, 0x00, 0x00", "ret",
        ".size callee, .-callee", '.section __patchable_function_entries,"awo",@progbits,.text', ".p2align 3", ".quad 0b",
        ".text", ".globl main", ".type main, @function", "main:",
    ]
    saved = ["rbp", "rbx", "r12", "r13", "r14", "r15"]
    lines += [f"push %{name}" for name in saved]
    lines += [f"movq table+{8 * n}(%rip), %xmm{n}" for n in range(16)]
    lines += [f"movabs ${known(name)}, %{name}" for name in GENERAL]
    lines += ["cmp %rax, %rax", "stc", "call callee"]
    for number, name in enumerate(GENERAL):
        lines += [f"cmp values+{8 * number}(%rip), %{name}", f"movl ${number + 1}, status(%rip)", "jne 9f"]
    for n in range(16):
        lines += [f"movq %xmm{n}, %rax", f"cmp table+{8 * n}(%rip), %rax", f"movl ${n + 21}, status(%rip)", "jne 9f"]
    lines += ["movl $0, status(%rip)", "9: mov status(%rip), %eax"]
    lines += [f"pop %{name}" for name in reversed(saved)]
    lines += ["ret", ".size main, .-main", ".data", "status: .long 0", ".p2align 3", "values:"]
    lines += [f".quad {known(name)}" for name in GENERAL] + ["table:"]
    lines += [f".quad {0x99aabbccddeeff00 + n}" for n in range(16)] + [".text"]
    return "".join(f'__asm__("{line}");\n' for line in (line.replace('"', '\\"') for line in lines))


# The callers' arguments are in registers that a call keeps, and so must be found in what frames further in have saved.
NESTED = """
#define HERE __asm__ volatile("" ::: "memory")
volatile int released;
QUIET KEEP long inspect(long x) { HERE; return x + 1; }
KEEP long leaf(long x) { x = inspect(x * 2); HERE; return x + 1; }
KEEP long hop(long x) { return leaf(x); }
KEEP long middle(long a, long b) {
  while (!released) usleep(1000);
  long x = hop(a + b);
  HERE;
  return x - a * b;
}
KEEP long outer(long n) { long x = middle(n, n + 1); HERE; return x + n; }
int main(void) { puts("ready"); fflush(stdout); printf("%ld\\n", outer(21)); return 0; }
"""


SOURCES = {
    "calls": (HEAD + CALLS, PLAIN),
    "bare": (HEAD + CALLS, []),
    "static": (HEAD + CALLS, [FLAG, "-static"]),
    "ends": (HEAD + ENDS, PLAIN),
    "roots": (HEAD + ROOTS, PLAIN),
    "root_tails": (HEAD + ROOT_TAILS, [FLAG, "-O2"]),
    "depth": (HEAD + DEPTH, PLAIN),
    "depth_jumps": (HEAD + DEPTH_JUMPS, PLAIN),
    "durations": (HEAD + DURATIONS, PLAIN),
    "registers": (registers_assembly(), []),
    "many": (HEAD + MANY, PLAIN),
    "later": (HEAD + LATER, PLAIN),
    "threads": (HEAD + THREADS, PLAIN),
    "small": (HEAD + SMALL, PLAIN),
    "namesakes": (HEAD + NAMESAKES, PLAIN),
    "shared": (HEAD + SHARED, PLAIN),
    "wide.so": (HEAD + WIDE, [FLAG, "-shared", "-fPIC"]),
    "unwriting": (HEAD + UNWRITING, PLAIN),
    "plugin.so": (HEAD + PLUGIN, [FLAG, "-shared", "-fPIC"]),
    "plugs": (HEAD + PLUGS, PLAIN),
    "forks": (HEAD + FORKS, PLAIN),
    "execs": (HEAD + EXECS, PLAIN),
    "waits": (HEAD + WAITS, PLAIN),
    "reads": (HEAD + READS, PLAIN),
    "nested": (HEAD + NESTED, [FLAG, "-O2", "-g"]),
    "identity": (HEAD + IDENTITY, PLAIN),
}
