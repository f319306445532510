// What the runner must know of arm64: the registers, and how a fault's handler changes where a thread is.
#include <stdint.h>
#include <ucontext.h>

enum { general_count = 32, vector_words = 64 };

static uint64_t program_counter(const ucontext_t *context) { return context->uc_mcontext.pc; }
static void set_program_counter(ucontext_t *context, uint64_t place) { context->uc_mcontext.pc = place; }

static uint64_t thread_pointer(void) {
  uint64_t value;
  __asm__ volatile("mrs %0, tpidr_el0" : "=r"(value));
  return value;
}

static uint64_t timestamp(void) {
  uint64_t value;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(value)::"memory");
  return value;
}
