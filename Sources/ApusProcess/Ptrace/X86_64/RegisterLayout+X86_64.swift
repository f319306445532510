internal import ApusCore

extension RegisterLayout {
  /// struct user_regs_struct of arch/x86/include/asm/user_64.h.
  package static let x86_64 = RegisterLayout(
    architecture: .x86_64,
    names: [
      "r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi",
      "orig_rax", "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs",
    ],
    programCounter: 16, stackPointer: 19, systemCall: 10, originalSystemCall: 15, result: 10,
    arguments: [14, 13, 12, 7, 9, 8], threadPointer: 21)
}
