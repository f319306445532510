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
// the x87 control word (arm64: the floating-point control and status) too.
#include "hard.h"
#include <string.h>

#if defined(__aarch64__)
struct registers {
  uint64_t general[32];           // x0-x30
  unsigned char vectors[32][16];  // q0-q31
  uint64_t floating[2];           // FPCR, FPSR
};

void keep_all(void (*callee)(void), const struct registers *before, struct registers *after);
void asm_empty(void);
void asm_change(void);
void asm_outer(void);
void asm_tail(void);
void asm_inner(void);

// All but the stack pointer, and x30, which a call changes; x17 has the callee's address. x18 is an ordinary register in programs
// of Linux.
#define VECTORS(operation, base)                                                                              \
  "  add x17, " base ", #256\n"                                                                               \
  "  .irp r,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"          \
  "  " operation " q\\r, [x17, #16*\\r]\n  .endr\n"
__asm__(".text\n.globl keep_all\n.type keep_all, %function\nkeep_all:\n.cfi_startproc\n"
        "  sub sp, sp, #208\n  .cfi_def_cfa_offset 208\n"
        "  stp x19, x20, [sp]\n  stp x21, x22, [sp, #16]\n  stp x23, x24, [sp, #32]\n  stp x25, x26, [sp, #48]\n"
        "  stp x27, x28, [sp, #64]\n  stp x29, x30, [sp, #80]\n  .cfi_offset x30, -120\n"
        "  stp d8, d9, [sp, #96]\n  stp d10, d11, [sp, #112]\n  stp d12, d13, [sp, #128]\n  stp d14, d15, [sp, #144]\n"
        "  str x2, [sp, #160]\n  str x0, [sp, #168]\n  str x18, [sp, #192]\n"
        VECTORS("ldr", "x1")
        "  .irp r,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,18,19,20,21,22,23,24,25,26,27,28,29\n"
        "  ldr x\\r, [x1, #8*\\r]\n  .endr\n"
        "  ldr x0, [x1]\n  ldr x1, [x1, #8]\n"
        "  ldr x17, [sp, #168]\n"
        "  blr x17\n"
        "  str x0, [sp, #176]\n  str x17, [sp, #184]\n  ldr x0, [sp, #160]\n"
        "  .irp r,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,18,19,20,21,22,23,24,25,26,27,28,29\n"
        "  str x\\r, [x0, #8*\\r]\n  .endr\n"
        "  ldr x1, [sp, #176]\n  str x1, [x0]\n  ldr x1, [sp, #184]\n  str x1, [x0, #8*17]\n"
        VECTORS("str", "x0")
        "  ldr x18, [sp, #192]\n"
        "  ldp x19, x20, [sp]\n  ldp x21, x22, [sp, #16]\n  ldp x23, x24, [sp, #32]\n  ldp x25, x26, [sp, #48]\n"
        "  ldp x27, x28, [sp, #64]\n  ldp x29, x30, [sp, #80]\n"
        "  ldp d8, d9, [sp, #96]\n  ldp d10, d11, [sp, #112]\n  ldp d12, d13, [sp, #128]\n  ldp d14, d15, [sp, #144]\n"
        "  add sp, sp, #208\n  .cfi_def_cfa_offset 0\n  ret\n.cfi_endproc\n.size keep_all, . - keep_all\n");

// An assembly function with a call site, as the compilers make it: two nops, and their address in the section.
#ifdef __ARM_FEATURE_BTI_DEFAULT
#define LANDING_PAD "  bti c\n"
#else
#define LANDING_PAD ""
#endif
#define ASM_TRACED(name, body)                                                                                  \
  __asm__(".text\n.p2align 4\n.globl " #name "\n.type " #name ", %function\n" #name ":\n.cfi_startproc\n"       \
          LANDING_PAD ".L" #name "_site:\n  nop\n  nop\n" body                                                  \
          ".cfi_endproc\n.size " #name ", . - " #name "\n"                                                      \
          ".section __patchable_function_entries,\"awo\",%progbits," #name "\n  .p2align 3\n"                   \
          "  .quad .L" #name "_site\n.text\n")
ASM_TRACED(asm_empty, "  ret\n");
ASM_TRACED(asm_inner, "  ret\n");
ASM_TRACED(asm_tail, "  b asm_inner\n");
// Keeps everything over its own call of a traced function, with the return address only in its frame.
ASM_TRACED(asm_outer, "  str x30, [sp, #-16]!\n  .cfi_adjust_cfa_offset 16\n  .cfi_offset x30, -16\n  bl asm_inner\n"
                      "  ldr x30, [sp], #16\n  .cfi_adjust_cfa_offset -16\n  .cfi_restore x30\n  ret\n");
// x0 to x15 and one vector register.
ASM_TRACED(asm_change, "  .irp r,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n  mvn x\\r, x\\r\n  .endr\n"
                       "  eor v1.16b, v1.16b, v0.16b\n  ret\n");

UNTRACED static void check(void (*callee)(void), uint64_t seed, int changes) {
  struct registers before, after, expected;
  for (size_t i = 0; i < sizeof before / 8; i++) {
    seed = mix(seed, i);
    memcpy((char *)&before + 8 * i, &seed, 8);
  }
  after = before;
  __asm__ volatile("mrs %0, fpcr\n\tmrs %1, fpsr" : "=r"(before.floating[0]), "=r"(before.floating[1]));
  keep_all(callee, &before, &after);
  __asm__ volatile("mrs %0, fpcr\n\tmrs %1, fpsr" : "=r"(after.floating[0]), "=r"(after.floating[1]));
  REQUIRE(before.floating[0] == after.floating[0] && before.floating[1] == after.floating[1]);
  expected = before;
  expected.general[17] = (uint64_t)callee;
  if (changes) {
    for (int i = 0; i < 16; i++) expected.general[i] = ~before.general[i];
    for (int i = 0; i < 16; i++) expected.vectors[1][i] = before.vectors[1][i] ^ before.vectors[0][i];
  }
  for (int i = 0; i < 30; i++)
    if (after.general[i] != expected.general[i]) {
      printf("register %d: %016lx, not %016lx\n", i, after.general[i], expected.general[i]);
      exit(1);
    }
  for (int i = 0; i < 32; i++)
    if (memcmp(after.vectors[i], expected.vectors[i], 16)) {
      printf("vector register %d differs\n", i);
      exit(1);
    }
}
#else
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
#endif

TRACED void empty(void) {}

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
