package import ApusCore

/// The numbers that call-frame information has for the registers that a stub's rows are about.
package struct CallFrameColumns: Sendable, Hashable {
  package var stackPointer: Int
  /// What the caller goes on at: a column of its own (x86_64), or the link register.
  package var returnAddress: Int

  package init(_ architecture: Architecture) {
    switch architecture {
    case .x86_64:
      (stackPointer, returnAddress) = (X86_64.Register.rsp.dwarfNumber, X86_64.returnAddressDwarfNumber)
    case .arm64: (stackPointer, returnAddress) = (31, Int(ARM64.returnAddressDwarfNumber))
    case .ppc64le:
      (stackPointer, returnAddress) = (
        PPC64LE.Register.stackPointer.dwarfNumber, Int(PPC64LE.returnAddressDwarfNumber)
      )
    }
  }
}
