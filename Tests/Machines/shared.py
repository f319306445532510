"""arm64: stubs that functions share (`--shared-stubs`), and the sequences that may lead to one, written under running threads."""

import collections
import json
import pathlib
import subprocess
import sys
import tempfile

import remote
from arm64 import with_apus
from bench import TOP, Job, check, equal, tail

# Functions that write x9, in several shapes, and some of which that is not proven; who was called how often is printed.
PROGRAM = r"""
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#define KEEP __attribute__((noipa))
#define PLAIN __attribute__((patchable_function_entry(0, 0)))
#define WRITES __asm__ volatile("mov x9, #5" : : : "x9");
enum { SUM, FIB, LAST, TAIL, JUMPS, TICK, MANY };
static _Thread_local volatile unsigned long own[MANY];
static unsigned long total[MANY];
KEEP uint64_t sum(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h, uint64_t i,
                  double x, double y) {
  WRITES own[SUM]++;
  return a + 3 * b + 5 * c + 7 * d + 11 * e + 13 * f + 17 * g + 19 * h + 23 * i + (uint64_t)(x * 3 + y * 5);
}
KEEP uint64_t fib(uint64_t n);
static uint64_t (*volatile again)(uint64_t) = fib;
KEEP uint64_t fib(uint64_t n) { WRITES own[FIB]++; return n < 2 ? n : again(n - 1) + again(n - 2); }
KEEP uint64_t last(uint64_t n) { WRITES own[LAST]++; return n + 1; }
KEEP uint64_t tail(uint64_t n) { WRITES own[TAIL]++; return last(n * 2); }
KEEP void jumps(jmp_buf *where) { WRITES own[JUMPS]++; longjmp(*where, 1); }
KEEP void tick(int n) { WRITES own[TICK]++; }
KEEP uint64_t plain(uint64_t n) { return n ^ 21; }
KEEP uint64_t saving(uint64_t n) {
  __asm__ volatile("str x9, [sp, #-16]!\n mov x9, #3\n ldr x9, [sp], #16" : : : "memory");
  return n + 2;
}
PLAIN static void *work(void *rounds) {
  uint64_t x = 0;
  for (volatile int i = 0; i < *(int *)rounds; i++) {
    jmp_buf where;
    x = x * 31 + sum(i, i + 1, i + 2, i + 3, i + 4, i + 5, i + 6, i + 7, i + 8, i * 0.5, i * 0.25);
    x += tail(i) + plain(i) + saving(i);
    if (!setjmp(where)) jumps(&where);
    if (i % 16 == 0) x += fib(9);
  }
  for (int i = 0; i < MANY; i++) __atomic_fetch_add(&total[i], own[i], __ATOMIC_SEQ_CST);
  return (void *)x;
}
PLAIN int main(int c, char **v) {
  static const char *names[MANY] = {"sum", "fib", "last", "tail", "jumps", "tick"};
  int rounds = 400, threads = c > 1 ? 3 : 0;
  pthread_t t[3];
  void *x = 0, *y;
  if (threads) {
    struct itimerval every = {{0, 20000}, {0, 20000}};
    signal(SIGALRM, tick);
    setitimer(ITIMER_REAL, &every, 0);
  }
  for (int i = 0; i < threads; i++) pthread_create(&t[i], 0, work, &rounds);
  x = work(&rounds);
  int same = 1;
  for (int i = 0; i < threads; i++) { pthread_join(t[i], &y); same &= x == y; }
  struct itimerval none = {0};
  setitimer(ITIMER_REAL, &none, 0);
  total[TICK] = 0;
  for (int i = 0; i < MANY; i++) if (i != TICK) printf("%s %lu\n", names[i], total[i]);
  printf("plain %d\nsaving %d\nresult %d\n", rounds * (threads + 1), rounds * (threads + 1), same && x ? 1 : 0);
  return 0;
}
"""
SHARED = {"sum", "fib", "last", "tail", "jumps", "tick"}
OWN = {"plain", "saving"}
BUILDS = [["-O2"], ["-O2", "-mbranch-protection=standard"], ["-O0", "-g"]]
LEVELS = [["--level", "count"], ["--level", "entry"], ["--level", "graph"], ["--level", "graph", "--no-time"],
          ["--level", "graph", "--depth", "2"], ["--level", "graph", "--root", "tail", "--root", "fib"]]


def compile_program(job, name, options):
    job.compile(name, PROGRAM, *options, "-pthread", "-fpatchable-function-entry=4,2", "-falign-functions=16")


def expected(output):
    """Calls by function, as the program counted them, but for the timer's."""
    said = dict(line.split() for line in output.decode().splitlines())
    equal(said.pop("result"), "1", "the threads' results")
    return {name: int(count) for name, count in said.items()}


def check_calls(report, output, level):
    calls = collections.Counter()
    for row in json.loads(report):
        calls[row["name"]] += row["calls"]
    calls.pop("tick", None)
    wanted = expected(output)
    if "--root" in level:
        wanted = {name: count if name in ("tail", "fib", "last") else 0 for name, count in wanted.items()}
    if "--depth" in level:
        # fib's deeper calls are not recorded.
        check(calls.pop("fib") < wanted.pop("fib"), "fib is recorded to a depth only")
    equal({name: calls[name] for name in wanted}, wanted, f"calls, {level}")


def names(symbols):
    """Whose stubs the debugger's file names."""
    listed = subprocess.run(["nm", symbols], capture_output=True, text=True, check=True).stdout
    return {line.split(maxsplit=2)[2].removeprefix("apus:") for line in listed.splitlines()}


def test_shared_stubs_in_emulator(apus, _):
    """Exact counts at every level, and only functions have a stub of their own that do not leave x9 alone."""
    with Job("arm64") as job:
        for index, build in enumerate(BUILDS):
            compile_program(job, f"p{index}", build)
            where = job.directory / "in"
            plain = remote.run([remote.QEMU["arm64"], "-L", remote.sysroot("arm64"), f"./p{index}"], cwd=where)
            for level in LEVELS:
                symbols = job.directory / "symbols"
                done, printed = remote.in_emulator(apus, "arm64", job.directory, where, [f"./p{index}"], *level, "--shared-stubs",
                                                   "--symbols", symbols)
                check(done.returncode == 0 and b"lost" not in done.stderr, f"apus record: {tail(done.stderr)}")
                equal(printed, plain, "what the program printed")
                report = remote.run([pathlib.Path(apus).resolve(), "report", job.directory / "trace", "--format", "json"], cwd=where)
                check_calls(report, printed, level)
                found = names(symbols)
                equal(found & SHARED, set(), "functions with a stub of their own")
                equal(found & OWN, OWN, "functions that need one")
                check(any(name.startswith("shared ") for name in found), f"a shared stub is named: {sorted(found)}")


def test_shared_stubs(_, apus_arm64):
    """The same with threads, signals and two processors, on a real kernel."""
    with with_apus(apus_arm64) as job:
        compile_program(job, "p", ["-O2", "-mbranch-protection=standard"])
        lines = []
        for index, level in enumerate(LEVELS):
            lines.append(f"./apus record -o /tmp/t {' '.join(level)} --shared-stubs ./p threads > /out/{index}.out "
                         f"&& ./apus report /tmp/t --format json > /out/{index}.json || exit 1")
        job.put("script", "\n".join(lines).encode())
        ended = job.run("sh", "script", options=["--smp", "2"])
        check(ended.status == 0 and b"lost" not in ended.err, "apus record", ended)
        for index, level in enumerate(LEVELS):
            check_calls((ended.files / f"{index}.json").read_bytes(), (ended.files / f"{index}.out").read_bytes(), level)


def test_shared_stubs_are_arm64s(apus, apus_arm64):
    """Elsewhere the option is refused, and the program not run."""
    with tempfile.TemporaryDirectory() as directory:
        source = pathlib.Path(directory) / "p.c"
        source.write_text('#include <stdio.h>\nint main(void) { puts("ran"); return 0; }\n')
        subprocess.run(["gcc", "-fpatchable-function-entry=5", "-o", f"{directory}/p", source], check=True)
        done = subprocess.run([apus, "record", "-o", f"{directory}/t", "--shared-stubs", f"{directory}/p"], capture_output=True)
        check(done.returncode == 125 and not done.stdout and b"leave out --shared-stubs" in done.stderr, f"refused: {done}")


WRITES = 4000
# A function of each sequence (see Benchmarks/Sources/CallCode/SiteSequence.swift) whose branch another thread writes and takes back.
SEQUENCES = r"""
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#define TRAMPOLINE(name, back) \
  ".globl trampoline_" name "\ntrampoline_" name ":\n stp x0, x1, [sp, #-16]!\n adrp x0, entered\n add x0, x0, :lo12:entered\n" \
  "1: ldxr x1, [x0]\n add x1, x1, #1\n stxr w10, x1, [x0]\n cbnz w10, 1b\n ldp x0, x1, [sp], #16\n" back "\n"
__asm__(
  ".text\n .balign 64\n"
  ".globl pair\npair: mov x9, x30\n.globl pair_branch\npair_branch: nop\n add x0, x0, #1\n ret\n"
  ".globl frame\nframe: stp x29, x30, [sp, #-16]!\n mov x29, sp\n.globl frame_branch\nframe_branch: nop\n"
  " ldp x29, x30, [sp], #16\n add x0, x0, #1\n ret\n"
  ".globl linked\nlinked: mov x9, x30\n.globl linked_branch\nlinked_branch: nop\n mov x30, x9\n add x0, x0, #1\n ret\n"
  // The first gives the return address back by itself, and returns through the register that it had the body's address in.
  TRAMPOLINE("pair", "mov x11, x30\n mov x30, x9\n ret x11")
  TRAMPOLINE("frame", "ret") TRAMPOLINE("linked", "ret"));
extern long pair(long), frame(long), linked(long);
extern uint32_t pair_branch[], frame_branch[], linked_branch[], trampoline_pair[], trampoline_frame[], trampoline_linked[];
volatile unsigned long entered;
static volatile int done;
static long (*volatile called)(long);
static void *work(void *made) {
  long x = 0, i = 0;
  for (; !done; i++) x = called(x);
  *(long *)made = i;
  return (void *)x;
}
static int toggle(const char *name, long (*function)(long), uint32_t *place, uint32_t *trampoline) {
  pthread_t t[2];
  long made[2];
  void *results[2];
  int memory = open("/proc/self/mem", O_RDWR);
  uint32_t nop = *place, branch = 0x94000000 | ((trampoline - place) & 0x3ffffff);
  called = function;
  entered = 0;
  done = 0;
  for (int i = 0; i < 2; i++) pthread_create(&t[i], 0, work, &made[i]);
  for (int i = 0; i < WRITES; i++) pwrite(memory, i % 2 ? &nop : &branch, 4, (off_t)(uintptr_t)place);
  done = 1;
  for (int i = 0; i < 2; i++) pthread_join(t[i], &results[i]);
  unsigned long through = entered;
  long all = made[0] + made[1];
  int right = results[0] == (void *)made[0] && results[1] == (void *)made[1] && through > 0 && through < all;
  printf("%s %d: through the trampoline %lu of %ld calls\n", name, right, through, all);
  fflush(stdout);
  return right;
}
int main(void) {
  int right = toggle("pair", pair, pair_branch, trampoline_pair);
  right &= toggle("frame", frame, frame_branch, trampoline_frame);
  right &= toggle("linked", linked, linked_branch, trampoline_linked);
  return right ? 0 : 1;
}
"""


def test_sequences_written_under_threads(_, apus_arm64):
    """The branch of each sequence is written and taken back, through the kernel, while two threads run through it."""
    with Job("arm64") as job:
        job.compile("sequences", SEQUENCES, "-O1", "-pthread", f"-DWRITES={WRITES}")
        ended = job.run("./sequences", options=["--smp", "2"])
        check(ended.status == 0 and len(ended.out.splitlines()) == 3, "every call was made, some through the trampoline", ended)


def test_hard_programs_with_shared_stubs(apus, apus_arm64):
    """Exceptions, every register, returns, tail calls, signals, forks, and callers that keep x9."""
    only = ["cxx_throw", "registers", "returns", "tail_calls", "signal_timer", "fork_frames", "preserve_most"]
    command = [sys.executable, TOP / "Tests/HardPrograms/machine.py", apus, "--arm64", apus_arm64, "--first", "--shared",
               "--levels", "graph"]
    done = subprocess.run([*command, *(word for name in only for word in ("--only", name))], capture_output=True)
    check(done.returncode == 0 and f"\n{len(only)} passed, 0 failed".encode() in done.stdout, f"machine.py:\n{tail(done.stdout)}")


TESTS = [test_shared_stubs_in_emulator, test_shared_stubs, test_hard_programs_with_shared_stubs, test_shared_stubs_are_arm64s,
         test_sequences_written_under_threads]
