package import ApusCore

/// How an architecture's register file lies in memory when the kernel hands it out (`PTRACE_GETREGSET` with
/// `NT_PRSTATUS`): 64-bit words, in this order.
///
/// A stub on the regs path writes the first ``recorded`` words, the kernel's `struct pt_regs` (arm64: `user_pt_regs`), as they
/// were when the call site was reached:
/// - general registers as the caller left them; the stack pointer too, so on x86_64 it points to the return address;
/// - the program counter: the call site's address (the stub's program knows it; the lowering leaves 0);
/// - flags: x86_64 `pushfq`; arm64 the flags N, Z, C and V, of which alone a process can tell, in their places in pstate;
///   ppc64le `mfcr`, `mfxer`, `mfctr`, and `mflr`, which has the return address;
/// - x86_64: cs and ss as they are; orig_rax is −1, since the thread is in no system call;
/// - ppc64le: orig_gpr3 is r3; what only the kernel knows (msr, softe, trap, dar, dsisr, result) is 0.
package struct RegisterFileLayout: Sendable {
  /// The registers' names, in order.
  package let names: [String]
  /// Which word is the program counter.
  package let programCounter: Int
  /// Which word is the stack pointer.
  package let stackPointer: Int
  /// Which words carry the integer arguments of a function, in order.
  package let arguments: [Int]
  /// Which word carries an integer result.
  package let result: Int
  /// How many words, from the first on, a stub on the regs path writes: all of which a process can know something.
  package let recorded: Int

  /// The layout of an architecture.
  package init(_ architecture: Architecture) {
    switch architecture {
    case .x86_64: self = X86_64.registerFile
    case .arm64: self = ARM64.registerFile
    case .ppc64le: self = PPC64LE.registerFile
    }
  }

  init(names: [String], programCounter: Int, stackPointer: Int, arguments: [Int], result: Int, recorded: Int)
  {
    self.names = names
    self.programCounter = programCounter
    self.stackPointer = stackPointer
    self.arguments = arguments
    self.result = result
    self.recorded = recorded
  }

  /// The bytes that a stub's register file takes on the stack, below the frame address: stacks are aligned to 16.
  package var frameBytes: Int { (recorded * 8 + 15) & ~15 }

  /// How many words there are.
  package var count: Int { names.count }
  /// How many bytes the register file takes.
  package var byteCount: Int { names.count * 8 }
  /// Which word has this name.
  package func index(of name: String) -> Int? { names.firstIndex(of: name) }
}
