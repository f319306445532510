package import ApusCore

/// Why a function cannot be traced, or not in every mode.
package enum SiteRefusal: Error, Sendable, Hashable, CustomStringConvertible {
  /// The compiler left no site in it.
  case noSite
  /// It is the part of a function that the compiler moved away because it seldom runs; it is never called.
  case coldPart
  /// The slot is shorter than what has to be written.
  case slotTooSmall(bytes: Int, Architecture)
  /// Where the table says that a site is, there are no nops.
  case noNops
  /// Neither symbols nor unwind tables say where the function begins, so it is not known which nops stand
  /// before it.
  case unknownStart
  /// Something other than nops and a landing pad stands between the function's beginning and its site, as in
  /// what gcc 12 makes for ppc64le.
  case unexpectedLayout
  /// Its site stands behind the instruction that signs the return address (arm64's `paciasp`): what a stub would find there is
  /// not the address that the caller is returned to.
  case signedReturnAddress
  /// It returns twice (`setjmp`, `vfork`…): a return cannot be paired with its call.
  case returnsTwice
  /// It is part of the unwinder, and looks at its own frames.
  case unwinder
  /// It pops its own arguments (`ret n`), so the return address is not where it was.
  case popsArguments

  /// The modes that it takes away.
  package var refusedModes: SiteModes {
    switch self {
    case .noSite, .coldPart, .slotTooSmall, .noNops, .unknownStart, .unexpectedLayout: .all
    case .signedReturnAddress: [.graph, .redirect]
    case .returnsTwice, .unwinder, .popsArguments: .graph
    }
  }

  /// One word, for counting and for scripts.
  package var key: String {
    switch self {
    case .noSite: "no-site"
    case .coldPart: "cold-part"
    case .slotTooSmall: "slot-too-small"
    case .noNops: "no-nops"
    case .unknownStart: "unknown-start"
    case .unexpectedLayout: "unexpected-layout"
    case .signedReturnAddress: "signed-return-address"
    case .returnsTwice: "returns-twice"
    case .unwinder: "unwinder"
    case .popsArguments: "pops-arguments"
    }
  }

  package var description: String {
    switch self {
    case .noSite: return "no call site: compiled without -fpatchable-function-entry"
    case .coldPart: return "no call site: the cold part of another function, never called"
    case .slotTooSmall(let bytes, let architecture):
      let needs = architecture.callSiteNeeds
      return
        "slot of \(bytes) byte\(bytes == 1 ? "" : "s"); \(architecture) needs \(needs.slotBytes): "
        + "compile with \(needs.flag)"
    case .noNops: return "no nops where the table of call sites points"
    case .unknownStart:
      return
        "neither symbols nor unwind tables say where the function begins: keep one of them when stripping"
    case .unexpectedLayout: return "the call site is not at the function's beginning"
    case .signedReturnAddress:
      return "no graph: the call site stands behind the instruction that signs the return address"
    case .returnsTwice: return "no graph: it returns twice"
    case .unwinder: return "no graph: it is part of the unwinder"
    case .popsArguments: return "no graph: it pops its arguments"
    }
  }

  /// What a function's names say against it.
  static func named(_ names: [String]) -> SiteRefusal? {
    for name in names {
      if name.hasPrefix("_Unwind_") { return .unwinder }
      // As gcc's special_function_p does it: whatever the underscores.
      switch name.drop(while: { $0 == "_" }) {
      case "setjmp", "sigsetjmp", "vfork", "getcontext", "savectx": return .returnsTwice
      default: break
      }
    }
    return nil
  }
}
