package import ApusCore
package import ApusELF
package import ApusProbe

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
  /// canonical frame address of what it had called. On x86_64.
  package var landingOffset: Int32 {
    switch self {
    // `cfa`, behind the array of register pointers (DWARF registers 0–16 and the end mark).
    case .libgcc: 18 * 8
    // `rsp`, the eighth of the registers, behind the virtual table and the address space.
    case .llvm: 9 * 8
    // `cfa`, behind the address space and its argument.
    case .nongnu: 2 * 8
    }
  }
}

extension UnwinderContext {
  /// What a module's unwinder says of its contexts by the functions that read them: each does nothing but load one word from
  /// its argument. Nil if one is not there or does more, which is so of every unwinder but libgcc's.
  package init?(_ image: ELFImage, _ functions: FunctionTable) throws(ELFError) {
    var places: [String: Int32] = [:]
    let readers: Set = ["_Unwind_GetCFA", "_Unwind_GetIP", "_Unwind_GetTextRelBase"]
    for function in functions {
      guard let name = function.names.first(where: readers.contains) else { continue }
      let code = try image.bytes(at: function.address, upTo: min(function.size, 64))
      places[name] = image.architecture.prologues.loadedOffset(code)
    }
    guard Unwinder(functions) == .libgcc, let stackPointer = places["_Unwind_GetCFA"],
      let programCounter = places["_Unwind_GetIP"], let bases = places["_Unwind_GetTextRelBase"]
    else { return nil }
    self.init(stackPointer: stackPointer, programCounter: programCounter, bases: bases)
  }
}

extension Architecture {
  /// The hooks that lead an unwinder through frames whose return addresses are ours.
  package var unwindingHooks: Set<HookSite.Purpose> { prologues.unwindingHooks }
}
