package import ApusCore
internal import ApusELF

/// The unwinders that we know, which all have the functions of the C++ ABI, and keep their contexts each in its own way.
package enum Unwinder: Sendable, Hashable, CaseIterable {
  case libgcc
  /// LLVM's libunwind.
  case llvm
  /// The libunwind of nongnu.org.
  case nongnu

  /// Whose functions these are, if they are an unwinder's.
  init(_ functions: FunctionTable) {
    var found = Unwinder.libgcc
    for function in functions {
      if function.names.contains(where: { $0 == "__unw_step" || $0 == "unw_step" }) { found = .llvm }
      if function.names.contains(where: { $0.hasPrefix("_UL") && $0.hasSuffix("_step") }) { found = .nongnu }
    }
    self = found
  }

  /// Where the context that `_Unwind_SetIP` gets keeps the stack pointer with which the landing frame goes on: that is the
  /// canonical frame address of what it had called.
  package func landingOffset(_ architecture: Architecture) -> Int32? {
    guard architecture == .x86_64 else { return nil }
    switch self {
    // `cfa`, behind the array of register pointers (DWARF registers 0–16 and the end mark).
    case .libgcc: return 18 * 8
    // `rsp`, the eighth of the registers, behind the virtual table and the address space.
    case .llvm: return 9 * 8
    // `cfa`, behind the address space and its argument.
    case .nongnu: return 2 * 8
    }
  }
}

extension Architecture {
  /// From a frame's canonical frame address down to its frame address (``ProbeInstruction/frameAddress(_:)``).
  var frameDistance: Int32 { self == .x86_64 ? 8 : 0 }

  /// Whether an unwinder finds its way through frames whose return addresses are ours, by the hooks. Where a body keeps its
  /// return address in a place of its own choice, we do not know the place yet.
  package var unwindsThroughStubs: Bool { self == .x86_64 }
}
