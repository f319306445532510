extension X86_64 {
  /// The words of the kernel's `struct user_regs_struct`, in its order; the raw value is the index. Up to ss they are those of
  /// `struct pt_regs`.
  package enum RegisterFileSlot: Int, Sendable, CaseIterable {
    case r15 = 0
    case r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi
    /// The number of the system call that the thread is in, or −1.
    case orig_rax
    case rip, cs, eflags, rsp, ss, fs_base, gs_base, ds, es, fs, gs
  }

  /// The register file as the kernel hands it out.
  package static let registerFile = RegisterFileLayout(
    names: RegisterFileSlot.allCases.map { "\($0)" },
    programCounter: RegisterFileSlot.rip.rawValue, stackPointer: RegisterFileSlot.rsp.rawValue,
    arguments: Register.arguments.map { $0.registerFileSlot.rawValue }, result: RegisterFileSlot.rax.rawValue,
    recorded: RegisterFileSlot.ss.rawValue + 1)
}

extension X86_64.Register {
  /// Where the register stands in the register file.
  package var registerFileSlot: X86_64.RegisterFileSlot {
    switch self {
    case .rax: .rax
    case .rcx: .rcx
    case .rdx: .rdx
    case .rbx: .rbx
    case .rsp: .rsp
    case .rbp: .rbp
    case .rsi: .rsi
    case .rdi: .rdi
    case .r8: .r8
    case .r9: .r9
    case .r10: .r10
    case .r11: .r11
    case .r12: .r12
    case .r13: .r13
    case .r14: .r14
    case .r15: .r15
    }
  }
}
