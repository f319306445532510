package import ApusCore

/// Why a patch cannot be made of changes that are allowed one by one.
package enum AssemblyError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The function's code is not in the module as the first build made it.
  case notThere(function: String, module: String)
  /// Several places of the module may be meant.
  case ambiguous(symbol: String, module: String, addresses: [Address])
  /// What a function refers to is in a section that is no part of the process (without SHF_ALLOC).
  case notLoaded(symbol: String, section: String)

  init(ambiguous symbol: String, in module: LinkedModule, _ candidates: [LinkedModule.Symbol]) {
    self = .ambiguous(symbol: symbol, module: module.name, addresses: candidates.map(\.address).sorted())
  }

  package var description: String {
    switch self {
    case .notThere(let function, let module):
      "\(module) does not have \(function) as this build makes it: give the source and the command that it was built from"
        + " (flags included), or build it anew and run that"
    case .ambiguous(let symbol, let module, let addresses):
      "\(module) has \(addresses.count) of the name \(symbol) (at \(addresses.map(hexadecimal).joined(separator: ", ")))"
        + " and nothing tells which is meant: write this patch by hand, where an address can be given (apus patch pack)"
    case .notLoaded(let symbol, let section):
      "new code needs \(symbol.isEmpty ? "what stands" : symbol) in section \(section), which is not loaded (it lacks SHF_ALLOC): give that section"
        + " the flag \"a\" where it is declared"
    }
  }
}
