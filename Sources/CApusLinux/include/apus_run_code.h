// Runs machine code in this process with chosen register contents; for tests of what we generate. x86_64 only.
#ifndef APUS_RUN_CODE_H
#define APUS_RUN_CODE_H

#include <stddef.h>
#include <stdint.h>

// General registers in the order of their encoding numbers (rax rcx rdx rbx rsp rbp rsi rdi r8 ... r15), then
// xmm0 to xmm15.
struct apus_registers {
  uint64_t general[16];
  uint64_t vector[16][2];
};

// Fresh zeroed memory, readable and writable; NULL if there is none.
void *apus_code_map(size_t size);
// Makes it readable and executable, no longer writable. 0 or -errno.
int apus_code_seal(void *memory, size_t size);
// 0 or -errno.
int apus_code_unmap(void *memory, size_t size);

// Calls `code` on the stack that ends at `stack_end` (16-byte aligned) with all registers but rsp loaded from
// `registers`, and stores all registers there when it returns (rsp: as it is after the return). At entry,
// rsp is `stack_end - 40`, and the return address `apus_run_code_return` stands there.
void apus_run_code(const void *code, struct apus_registers *registers, void *stack_end);
// The address that code run by `apus_run_code` returns to.
const void *apus_run_code_return_address(void);

// A function body for stubs under test: stores all registers in `apus_run_code_seen()` (rsp: its own at entry, which
// points to its return address), then loads rax, rcx, rdx, rsi, rdi, r8 to r11 and all vector registers from
// `apus_run_code_result()` and returns.
const void *apus_run_code_body(void);
struct apus_registers *apus_run_code_seen(void);
struct apus_registers *apus_run_code_result(void);
// The same body by another name, and which of the two was entered last: 1 for `apus_run_code_body()`, 2 for this one.
const void *apus_run_code_elsewhere(void);
uint64_t *apus_run_code_entered(void);

// From now on a SIGSEGV of the instruction at pairs[2 * i], or a SIGTRAP of the breakpoint there, continues at
// pairs[2 * i + 1]; any other is fatal as usual. The pairs must stay where they are. 0 or -errno.
int apus_run_code_faults(const uint64_t *pairs, size_t count);
// A number made of where these traps were: for each, in order, it becomes 31 times what it was plus the place.
uint64_t *apus_run_code_trapped(void);

// The time-stamp counter, and the word at fs:0.
uint64_t apus_run_code_timestamp(void);
uint64_t apus_run_code_thread_pointer(void);

#endif
