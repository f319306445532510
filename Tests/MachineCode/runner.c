// Runs generated machine code, many small programs one after the other, each with chosen registers and memory:
//
//   runner INPUT OUTPUT
//
// All numbers are 64-bit words, little-endian. INPUT: code address and size, window address, words in the window of which
// the first are compared, words of timestamps after them, stack address and size, how many faults, how many programs; the
// code; pairs of an access that may fault, or a trap, and where to go on then, in order; for each program a struct state to
// enter with, a struct state of the body's results, and the window. OUTPUT: the thread pointer; for each program whether the
// body ran (1 if it was entered at apus_body, 2 at apus_elsewhere), the registers that it saw, those at the end and behind
// them a number made of where the traps were, the window with timestamps, a timestamp before and one after.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__aarch64__)
#include "arm64.h"
#elif defined(__powerpc64__)
#include "ppc64le.h"
#elif defined(__x86_64__)
#include "x86_64.h"
#endif

struct state {
  uint64_t general[general_count];
  uint64_t vector[vector_words];
  uint64_t entry;
};

struct state apus_seen, apus_end, apus_result;
uint64_t apus_saved[32];
uint32_t apus_ran;
void apus_enter(const struct state *);

static uint64_t *faults;
static uint64_t fault_count;
// Of each trap, in order: this times 31, and where it was.
static uint64_t trapped;

static void fail(const char *what) {
  perror(what);
  exit(2);
}

static void handle(int signal, siginfo_t *info, void *raw) {
  ucontext_t *context = raw;
  uint64_t place = program_counter(context);
  uint64_t low = 0, high = fault_count;
  while (low < high) {
    uint64_t middle = (low + high) / 2;
    if (faults[2 * middle] < place) low = middle + 1; else high = middle;
  }
  if (low < fault_count && faults[2 * low] == place) {
    if (signal == SIGTRAP) trapped = 31 * trapped + place;
    set_program_counter(context, faults[2 * low + 1]);
    return;
  }
  fprintf(stderr, "signal %d at 0x%llx, address %p\n", signal, (unsigned long long)place, info->si_addr);
  _exit(3);
}

static void *map(uint64_t address, uint64_t size) {
  void *wanted = (void *)(uintptr_t)(address & ~0xfffull);
  void *got = mmap(wanted, size + 0x2000, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (got != wanted) fail("mmap");
  return (void *)(uintptr_t)address;
}

static void read_words(void *to, uint64_t bytes, FILE *file) {
  if (fread(to, 1, bytes, file) != bytes) fail("read");
}

static void write_words(const void *from, uint64_t bytes, FILE *file) {
  if (fwrite(from, 1, bytes, file) != bytes) fail("write");
}

int main(int count, char **arguments) {
  if (count != 3) return 1;
  FILE *input = fopen(arguments[1], "r"), *output = fopen(arguments[2], "w");
  if (!input || !output) fail("open");
  uint64_t head[9];
  read_words(head, sizeof head, input);
  uint64_t code_size = head[1], words = head[3], stamps = head[4], programs = head[8];
  void *code = map(head[0], code_size);
  uint64_t *window = map(head[2], 8 * (words + stamps));
  map(head[5], head[6]);
  read_words(code, code_size, input);
  __builtin___clear_cache((char *)code, (char *)code + code_size);
  if (mprotect((void *)((uintptr_t)code & ~0xfffull), code_size + 0x1000, PROT_READ | PROT_EXEC)) fail("mprotect");
  fault_count = head[7];
  faults = malloc(16 * fault_count + 16);
  if (!faults) fail("malloc");
  read_words(faults, 16 * fault_count, input);

  struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_NODEFER};
  for (const int *signal = (const int[]){SIGSEGV, SIGBUS, SIGILL, SIGTRAP, 0}; *signal; signal++)
    if (sigaction(*signal, &action, NULL)) fail("sigaction");

  uint64_t pointer = thread_pointer();
  write_words(&pointer, 8, output);
  for (uint64_t program = 0; program < programs; program++) {
    struct state start;
    read_words(&start, sizeof start, input);
    read_words(&apus_result, sizeof apus_result, input);
    read_words(window, 8 * words, input);
    memset(window + words, 0, 8 * stamps);
    apus_ran = 0;
    trapped = 0;
    memset(&apus_seen, 0, sizeof apus_seen);
    uint64_t times[2] = {timestamp(), 0};
    apus_enter(&start);
    times[1] = timestamp();
    uint64_t ran = apus_ran;
    apus_end.entry = trapped;
    write_words(&ran, 8, output);
    write_words(&apus_seen, sizeof apus_seen, output);
    write_words(&apus_end, sizeof apus_end, output);
    write_words(window, 8 * (words + stamps), output);
    write_words(times, sizeof times, output);
  }
  if (fclose(output)) fail("close");
  return 0;
}
