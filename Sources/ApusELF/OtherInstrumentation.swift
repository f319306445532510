/// Instrumentation other than patchable nops: what a file was compiled with instead, so that an error can say
/// so.
package enum OtherInstrumentation: String, Sendable, CaseIterable {
  /// A table of calls of `__fentry__` or `mcount` (section `__mcount_loc`).
  case mcountTable = "__mcount_loc"
  /// XRay sleds (section `xray_instr_map`).
  case xray = "xray_instr_map"
  /// Calls of `__fentry__`.
  case fentry = "__fentry__"
  /// Calls of `mcount` or `_mcount`.
  case mcount
  /// Calls of `__cyg_profile_func_enter`.
  case instrumentFunctions = "__cyg_profile_func_enter"

  /// The flags that make it.
  package var flag: String {
    switch self {
    case .mcountTable: "-mrecord-mcount"
    case .xray: "-fxray-instrument"
    case .fentry: "-pg -mfentry"
    case .mcount: "-pg"
    case .instrumentFunctions: "-finstrument-functions"
    }
  }

  private static let symbolNames = [
    "mcount", "_mcount", "__mcount", "__fentry__", "__cyg_profile_func_enter",
  ]
  .map { Array($0.utf8) }

  /// What `image` has.
  static func found(in image: ELFImage) throws(ELFError) -> [OtherInstrumentation] {
    var found: Set<OtherInstrumentation> = []
    for section in image.sections {
      if let it = OtherInstrumentation(rawValue: section.name), it == .mcountTable || it == .xray {
        found.insert(it)
      }
    }
    let isStatic = image.linkage == .staticExecutable || image.linkage == .staticPIE
    for table in [try image.fullSymbols(), try image.dynamicSymbols()] {
      guard let table else { continue }
      for symbol in table.symbols {
        switch table.strings.index(of: symbol.name, in: OtherInstrumentation.symbolNames) {
        // The C library defines it; a static program has it only if it is called.
        case 0, 1, 2: if !symbol.isDefined || isStatic { found.insert(.mcount) }
        case 3: if !symbol.isDefined { found.insert(.fentry) }
        case 4: if !symbol.isDefined { found.insert(.instrumentFunctions) }
        default: break
        }
      }
    }
    return allCases.filter(found.contains)
  }
}
