extension ARM64 {
  /// The words of the kernel's `struct user_pt_regs`, in its order; the raw value is the index.
  package enum RegisterFileSlot: Int, Sendable, CaseIterable {
    case x0 = 0
    case x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11, x12, x13, x14, x15
    case x16, x17, x18, x19, x20, x21, x22, x23, x24, x25, x26, x27, x28, x29, x30
    case sp, pc, pstate
  }

  /// The register file as the kernel hands it out.
  package static let registerFile = RegisterFileLayout(
    names: RegisterFileSlot.allCases.map { "\($0)" },
    programCounter: RegisterFileSlot.pc.rawValue, stackPointer: RegisterFileSlot.sp.rawValue,
    arguments: Register.arguments.compactMap { $0.registerFileSlot?.rawValue },
    result: RegisterFileSlot.x0.rawValue, recorded: RegisterFileSlot.allCases.count)
}

extension ARM64.Register {
  /// Where the register stands in the register file, whose first words have the order of the registers; nil for the zero
  /// register.
  package var registerFileSlot: ARM64.RegisterFileSlot? {
    self == .zero ? nil : ARM64.RegisterFileSlot(rawValue: Int(rawValue))
  }
}
