// build: gcc -O2
// also[clang]: clang -O2
// also[static]: gcc -O2 -static
// also[cet]: gcc -O2 -fcf-protection=full
// also[eight_three]: gcc -O2 -fpatchable-function-entry=8,3
// counts: callgrind
// calls: main=1 empty=2000 asm_empty=2000 asm_change=2000 asm_outer=2000 asm_tail=2000 asm_inner=4000
// needs-slow: tail_calls
// A caller in assembly keeps values in every register, call-clobbered ones included, over calls of traced functions whose
// bodies do not touch them (an empty C function; assembly functions with call sites of their own, that call, tail-call
// and change registers in a known way). All of them must come back as the body left them; the direction flag, MXCSR and
// the x87 control word too.
#include "hard.h"
#include <string.h>

struct registers {
  uint64_t general[16];           // rax rcx rdx rbx rsp(unused) rbp rsi rdi r8-r15
  unsigned char vectors[32][64];  // zmm, ymm or xmm, as far as the processor has them
  uint64_t masks[8];              // k1-k7
};

void keep_all(void (*callee)(void), const struct registers *before, struct registers *after);
void keep_all_avx(void (*callee)(void), const struct registers *before, struct registers *after);
void keep_all_avx512(void (*callee)(void), const struct registers *before, struct registers *after);
void asm_empty(void);
void asm_change(void);
void asm_outer(void);
void asm_tail(void);
void asm_inner(void);

#define LIST_0_15 "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15"
#define CALLER(name, load, store)                                                                             \
  __asm__(".text\n.globl " #name "\n.type " #name ", @function\n" #name ":\n.cfi_startproc\n"                 \
          "  pushq %rbx\n  pushq %rbp\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"              \
          "  subq $24, %rsp\n .cfi_def_cfa_offset 80\n"                                                       \
          "  movq %rdi, 0(%rsp)\n  movq %rdx, 8(%rsp)\n  movq %rsi, %rax\n" load                              \
          "  movq 8(%rax), %rcx\n  movq 16(%rax), %rdx\n  movq 24(%rax), %rbx\n  movq 40(%rax), %rbp\n"       \
          "  movq 48(%rax), %rsi\n  movq 56(%rax), %rdi\n"                                                    \
          "  .irp r,8,9,10,11,12,13,14,15\n  movq 8*\\r(%rax), %r\\r\n  .endr\n"                              \
          "  movq 0(%rax), %rax\n"                                                                            \
          "  call *0(%rsp)\n"                                                                                 \
          "  movq %rax, 16(%rsp)\n  movq 8(%rsp), %rax\n"                                                     \
          "  movq %rcx, 8(%rax)\n  movq %rdx, 16(%rax)\n  movq %rbx, 24(%rax)\n  movq %rbp, 40(%rax)\n"       \
          "  movq %rsi, 48(%rax)\n  movq %rdi, 56(%rax)\n"                                                    \
          "  .irp r,8,9,10,11,12,13,14,15\n  movq %r\\r, 8*\\r(%rax)\n  .endr\n" store                        \
          "  movq 16(%rsp), %rcx\n  movq %rcx, 0(%rax)\n"                                                     \
          "  addq $24, %rsp\n  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbp\n  popq %rbx\n"  \
          "  .cfi_def_cfa_offset 8\n  ret\n.cfi_endproc\n.size " #name ", . - " #name "\n")

CALLER(keep_all, "  .irp r," LIST_0_15 "\n  movups 128+64*\\r(%rax), %xmm\\r\n  .endr\n",
       "  .irp r," LIST_0_15 "\n  movups %xmm\\r, 128+64*\\r(%rax)\n  .endr\n");
CALLER(keep_all_avx, "  .irp r," LIST_0_15 "\n  vmovups 128+64*\\r(%rax), %ymm\\r\n  .endr\n",
       "  .irp r," LIST_0_15 "\n  vmovups %ymm\\r, 128+64*\\r(%rax)\n  .endr\n");
CALLER(keep_all_avx512,
       "  .irp r," LIST_0_15 ",16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n  vmovups 128+64*\\r(%rax), %zmm\\r\n  .endr\n"
       "  .irp r,1,2,3,4,5,6,7\n  kmovw 2176+8*\\r(%rax), %k\\r\n  .endr\n",
       "  .irp r," LIST_0_15 ",16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n  vmovups %zmm\\r, 128+64*\\r(%rax)\n  .endr\n"
       "  .irp r,1,2,3,4,5,6,7\n  kmovw %k\\r, 2176+8*\\r(%rax)\n  .endr\n");

// An assembly function with a call site, as the compilers make it: five nops, and their address in the section.
#define ASM_TRACED(name, body)                                                                                  \
  __asm__(".text\n.p2align 4\n.globl " #name "\n.type " #name ", @function\n" #name ":\n.cfi_startproc\n"       \
          LANDING_PAD ".L" #name "_site:\n  nop\n  nop\n  nop\n  nop\n  nop\n" body                             \
          ".cfi_endproc\n.size " #name ", . - " #name "\n"                                                      \
          ".section __patchable_function_entries,\"awo\",@progbits," #name "\n  .p2align 3\n"                   \
          "  .quad .L" #name "_site\n.text\n")
#ifdef __CET__
#define LANDING_PAD "  endbr64\n"
#else
#define LANDING_PAD ""
#endif
ASM_TRACED(asm_empty, "  ret\n");
ASM_TRACED(asm_inner, "  ret\n");
ASM_TRACED(asm_tail, "  jmp asm_inner\n");
// Keeps everything over its own call of a traced function, without a frame but for the alignment.
ASM_TRACED(asm_outer, "  subq $8, %rsp\n  .cfi_adjust_cfa_offset 8\n  call asm_inner\n  addq $8, %rsp\n  .cfi_adjust_cfa_offset -8\n  ret\n");
ASM_TRACED(asm_change, "  notq %rax\n  notq %rcx\n  notq %rdx\n  notq %rsi\n  notq %rdi\n"
                       "  notq %r8\n  notq %r9\n  notq %r10\n  notq %r11\n"
                       "  pxor %xmm0, %xmm1\n  ret\n");

TRACED void empty(void) {}

UNTRACED static void check(void (*callee)(void), uint64_t seed, int changes) {
  struct registers before, after, expected;
  for (size_t i = 0; i < sizeof before / 8; i++) {
    seed = mix(seed, i);
    memcpy((char *)&before + 8 * i, &seed, 8);
  }
  int avx512 = __builtin_cpu_supports("avx512f"), avx = __builtin_cpu_supports("avx");
  int width = avx512 ? 64 : avx ? 32 : 16, count = avx512 ? 32 : 16;
  after = before;
  uint32_t csr_before, csr_after;
  uint16_t control_before, control_after;
  uint64_t flags;
  __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(csr_before), "=m"(control_before));
  (avx512 ? keep_all_avx512 : avx ? keep_all_avx : keep_all)(callee, &before, &after);
  __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(csr_after), "=m"(control_after));
  __asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags));
  REQUIRE(csr_before == csr_after && control_before == control_after && !(flags & 0x400));
  expected = before;
  if (changes) {
    static const int changed[] = {0, 1, 2, 6, 7, 8, 9, 10, 11};
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) expected.general[changed[i]] = ~before.general[changed[i]];
    for (int i = 0; i < 16; i++) expected.vectors[1][i] = before.vectors[1][i] ^ before.vectors[0][i];
  }
  for (int i = 0; i < 16; i++)
    if (i != 4 && after.general[i] != expected.general[i]) {
      printf("register %d: %016lx, not %016lx\n", i, after.general[i], expected.general[i]);
      exit(1);
    }
  for (int i = 0; i < count; i++)
    if (memcmp(after.vectors[i], expected.vectors[i], width)) {
      printf("vector register %d differs\n", i);
      exit(1);
    }
  if (avx512)
    for (int i = 1; i < 8; i++) REQUIRE((uint16_t)before.masks[i] == (uint16_t)after.masks[i]);
}

int main(void) {
  for (uint64_t i = 0; i < 2000; i++) {
    check(empty, i, 0);
    check(asm_empty, i, 0);
    check(asm_change, i, 1);
    check(asm_outer, i, 0);
    check(asm_tail, i, 0);
  }
  printf("every register kept\n");
  return 0;
}
