#define _GNU_SOURCE
#include "apus_run_code.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

void *apus_code_map(size_t size) {
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

int apus_code_seal(void *memory, size_t size) {
  return mprotect(memory, size, PROT_READ | PROT_EXEC) == 0 ? 0 : -errno;
}

int apus_code_unmap(void *memory, size_t size) { return munmap(memory, size) == 0 ? 0 : -errno; }

#if defined(__x86_64__)

__attribute__((visibility("hidden"))) struct apus_registers apus_run_code_seen_storage;
__attribute__((visibility("hidden"))) struct apus_registers apus_run_code_result_storage;
__attribute__((visibility("hidden"))) uint64_t apus_run_code_entered_storage;
__attribute__((visibility("hidden"))) extern const char apus_run_code_returned[];
__attribute__((visibility("hidden"))) extern const char apus_run_code_body_entry[];
__attribute__((visibility("hidden"))) extern const char apus_run_code_elsewhere_entry[];

struct apus_registers *apus_run_code_seen(void) { return &apus_run_code_seen_storage; }
struct apus_registers *apus_run_code_result(void) { return &apus_run_code_result_storage; }
const void *apus_run_code_return_address(void) { return apus_run_code_returned; }
const void *apus_run_code_body(void) { return apus_run_code_body_entry; }
const void *apus_run_code_elsewhere(void) { return apus_run_code_elsewhere_entry; }
uint64_t *apus_run_code_entered(void) { return &apus_run_code_entered_storage; }

uint64_t apus_run_code_timestamp(void) {
  uint32_t low, high;
  __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
  return (uint64_t)high << 32 | low;
}

uint64_t apus_run_code_thread_pointer(void) {
  uint64_t value;
  __asm__ volatile("mov %%fs:0, %0" : "=r"(value));
  return value;
}

#define STORE_VECTOR(n, base) "  movups %xmm" #n ", 128+16*" #n base "\n"
#define LOAD_VECTOR(n, base) "  movups 128+16*" #n base ", %xmm" #n "\n"
#define ALL(what, base)                                                                                              \
  what(0, base) what(1, base) what(2, base) what(3, base) what(4, base) what(5, base) what(6, base) what(7, base)    \
  what(8, base) what(9, base) what(10, base) what(11, base) what(12, base) what(13, base) what(14, base)             \
  what(15, base)

// On the new stack: [rsp] unused, [rsp+8] code, [rsp+16] registers, [rsp+24] the caller's rsp.
__asm__(
  ".text\n"
  ".globl apus_run_code\n"
  ".type apus_run_code, @function\n"
  "apus_run_code:\n"
  "  push %rbx\n  push %rbp\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
  "  mov %rsp, -8(%rdx)\n"
  "  mov %rsi, -16(%rdx)\n"
  "  mov %rdi, -24(%rdx)\n"
  "  lea -32(%rdx), %rsp\n"
  ALL(LOAD_VECTOR, "(%rsi)")
  "  mov 0(%rsi), %rax\n  mov 8(%rsi), %rcx\n  mov 16(%rsi), %rdx\n  mov 24(%rsi), %rbx\n"
  "  mov 40(%rsi), %rbp\n  mov 56(%rsi), %rdi\n"
  "  mov 64(%rsi), %r8\n  mov 72(%rsi), %r9\n  mov 80(%rsi), %r10\n  mov 88(%rsi), %r11\n"
  "  mov 96(%rsi), %r12\n  mov 104(%rsi), %r13\n  mov 112(%rsi), %r14\n  mov 120(%rsi), %r15\n"
  "  mov 48(%rsi), %rsi\n"
  "  call *8(%rsp)\n"
  ".hidden apus_run_code_returned\n"
  ".globl apus_run_code_returned\n"
  "apus_run_code_returned:\n"
  "  push %rsi\n"
  "  mov 24(%rsp), %rsi\n"
  "  mov %rax, 0(%rsi)\n  mov %rcx, 8(%rsi)\n  mov %rdx, 16(%rsi)\n  mov %rbx, 24(%rsi)\n"
  "  mov %rbp, 40(%rsi)\n  mov %rdi, 56(%rsi)\n"
  "  mov %r8, 64(%rsi)\n  mov %r9, 72(%rsi)\n  mov %r10, 80(%rsi)\n  mov %r11, 88(%rsi)\n"
  "  mov %r12, 96(%rsi)\n  mov %r13, 104(%rsi)\n  mov %r14, 112(%rsi)\n  mov %r15, 120(%rsi)\n"
  "  pop %rax\n"
  "  mov %rax, 48(%rsi)\n"
  "  mov %rsp, 32(%rsi)\n"
  ALL(STORE_VECTOR, "(%rsi)")
  "  mov 24(%rsp), %rsp\n"
  "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbp\n  pop %rbx\n"
  "  ret\n"
  ".size apus_run_code, . - apus_run_code\n"
  "\n"
  ".hidden apus_run_code_elsewhere_entry\n"
  ".globl apus_run_code_elsewhere_entry\n"
  ".type apus_run_code_elsewhere_entry, @function\n"
  "apus_run_code_elsewhere_entry:\n"
  "  movq $2, apus_run_code_entered_storage(%rip)\n"
  "  jmp 1f\n"
  ".size apus_run_code_elsewhere_entry, . - apus_run_code_elsewhere_entry\n"
  "\n"
  ".hidden apus_run_code_body_entry\n"
  ".globl apus_run_code_body_entry\n"
  ".type apus_run_code_body_entry, @function\n"
  "apus_run_code_body_entry:\n"
  "  movq $1, apus_run_code_entered_storage(%rip)\n"
  "1:\n"
#define SEEN "apus_run_code_seen_storage"
  "  mov %rax, 0+" SEEN "(%rip)\n  mov %rcx, 8+" SEEN "(%rip)\n  mov %rdx, 16+" SEEN "(%rip)\n"
  "  mov %rbx, 24+" SEEN "(%rip)\n  mov %rsp, 32+" SEEN "(%rip)\n  mov %rbp, 40+" SEEN "(%rip)\n"
  "  mov %rsi, 48+" SEEN "(%rip)\n  mov %rdi, 56+" SEEN "(%rip)\n  mov %r8, 64+" SEEN "(%rip)\n"
  "  mov %r9, 72+" SEEN "(%rip)\n  mov %r10, 80+" SEEN "(%rip)\n  mov %r11, 88+" SEEN "(%rip)\n"
  "  mov %r12, 96+" SEEN "(%rip)\n  mov %r13, 104+" SEEN "(%rip)\n  mov %r14, 112+" SEEN "(%rip)\n"
  "  mov %r15, 120+" SEEN "(%rip)\n"
  ALL(STORE_VECTOR, "+" SEEN "(%rip)")
#define RESULT "apus_run_code_result_storage"
  "  mov 0+" RESULT "(%rip), %rax\n  mov 8+" RESULT "(%rip), %rcx\n  mov 16+" RESULT "(%rip), %rdx\n"
  "  mov 48+" RESULT "(%rip), %rsi\n  mov 56+" RESULT "(%rip), %rdi\n  mov 64+" RESULT "(%rip), %r8\n"
  "  mov 72+" RESULT "(%rip), %r9\n  mov 80+" RESULT "(%rip), %r10\n  mov 88+" RESULT "(%rip), %r11\n"
  ALL(LOAD_VECTOR, "+" RESULT "(%rip)")
  "  ret\n"
  ".size apus_run_code_body_entry, . - apus_run_code_body_entry\n");

static const uint64_t *fault_pairs;
static size_t fault_count;
static uint64_t trapped;

uint64_t *apus_run_code_trapped(void) { return &trapped; }

static void on_fault(int signal_number, siginfo_t *information, void *context) {
  (void)information;
  greg_t *counter = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
  // A breakpoint has been executed when its signal comes, and is one byte.
  uint64_t place = (uint64_t)*counter - (signal_number == SIGTRAP);
  for (size_t i = 0; i < fault_count; i++) {
    if (place == fault_pairs[2 * i]) {
      if (signal_number == SIGTRAP) trapped = 31 * trapped + place;
      *counter = (greg_t)fault_pairs[2 * i + 1];
      return;
    }
  }
  // Not ours: the access is repeated and is fatal; a breakpoint is not repeated.
  signal(signal_number, SIG_DFL);
  if (signal_number == SIGTRAP) raise(SIGTRAP);
}

int apus_run_code_faults(const uint64_t *pairs, size_t count) {
  fault_pairs = pairs;
  fault_count = count;
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
  return sigaction(SIGSEGV, &action, NULL) == 0 && sigaction(SIGTRAP, &action, NULL) == 0 ? 0 : -errno;
}

#endif
