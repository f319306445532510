// What the runner must know of ppc64le: the registers, and how a fault's handler changes where a thread is.
#include <stdint.h>
#include <ucontext.h>

enum { general_count = 36, vector_words = 128 };

static uint64_t program_counter(const ucontext_t *context) { return context->uc_mcontext.gp_regs[32]; }
static void set_program_counter(ucontext_t *context, uint64_t place) { context->uc_mcontext.gp_regs[32] = place; }

static uint64_t thread_pointer(void) {
  uint64_t value;
  __asm__ volatile("mr %0, 13" : "=r"(value));
  return value;
}

static uint64_t timestamp(void) {
  uint64_t value;
  __asm__ volatile("mftb %0" : "=r"(value)::"memory");
  return value;
}
