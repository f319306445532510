extension PPC64LE {
  /// The words of the kernel's `struct pt_regs` for user space, in its order; the raw value is the index.
  package enum RegisterFileSlot: Int, Sendable, CaseIterable {
    case r0 = 0
    case r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r13, r14, r15
    case r16, r17, r18, r19, r20, r21, r22, r23, r24, r25, r26, r27, r28, r29, r30, r31
    /// The program counter.
    case nip
    case msr
    /// r3 as it was when a system call began.
    case orig_gpr3
    case ctr, link, xer, ccr
    /// Whether the kernel had interrupts enabled.
    case softe
    /// Why the thread entered the kernel.
    case trap
    case dar, dsisr
    /// The result of a system call.
    case result
  }

  /// The register file as the kernel hands it out. (`PTRACE_GETREGSET` may give four more words, which mean nothing.)
  package static let registerFile = RegisterFileLayout(
    names: RegisterFileSlot.allCases.map { "\($0)" },
    programCounter: RegisterFileSlot.nip.rawValue, stackPointer: RegisterFileSlot.r1.rawValue,
    arguments: Register.arguments.map { $0.registerFileSlot.rawValue }, result: RegisterFileSlot.r3.rawValue,
    recorded: RegisterFileSlot.allCases.count)

  /// Words that hold special registers.
  package static let specialSlots: [(RegisterFileSlot, SpecialRegister)] = [
    (.ctr, .count), (.link, .link), (.xer, .fixedPointException),
  ]
  /// Words that mean something to the kernel only.
  package static let kernelSlots: [RegisterFileSlot] = [.msr, .softe, .trap, .dar, .dsisr, .result]
}

extension PPC64LE.Register {
  /// Where the register stands in the register file: the general registers come first, by number.
  package var registerFileSlot: PPC64LE.RegisterFileSlot {
    PPC64LE.RegisterFileSlot(rawValue: Int(rawValue)) ?? .r0
  }
}
