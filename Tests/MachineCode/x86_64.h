// What the runner must know of x86_64: the registers, and how a fault's handler changes where a thread is.
#include <stdint.h>
#include <ucontext.h>

enum { general_count = 16, vector_words = 32 };

static uint64_t program_counter(const ucontext_t *context) { return context->uc_mcontext.gregs[REG_RIP]; }
static void set_program_counter(ucontext_t *context, uint64_t place) {
  context->uc_mcontext.gregs[REG_RIP] = place;
}

static uint64_t thread_pointer(void) {
  uint64_t value;
  __asm__ volatile("mov %%fs:0, %0" : "=r"(value));
  return value;
}

static uint64_t timestamp(void) {
  uint32_t low, high;
  __asm__ volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
  return (uint64_t)high << 32 | low;
}
