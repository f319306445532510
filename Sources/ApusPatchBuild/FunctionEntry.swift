internal import ApusCore
internal import ApusELF

/// Whether the entry of a function can be made to lead elsewhere.
enum FunctionEntry {
  /// By its call site; the site's kind.
  case site(String)
  /// It has a call site that cannot be used.
  case refused(String)
  /// By its first instructions, which are moved.
  case instructions
  /// It has fewer bytes than a jump.
  case tooSmall(UInt64)

  init(_ symbol: LinkedModule.Symbol, _ sites: CallSites?, _ architecture: Architecture) {
    let site = sites?.sites.first { $0.entry == symbol.address }
    if let site, site.modes.contains(.redirect) {
      self = .site(site.kind.rawValue)
    } else if let refusal = site?.refusal {
      self = .refused("\(refusal)")
    } else {
      self = symbol.size >= architecture.linkedCode.jumpBytes ? .instructions : .tooSmall(symbol.size)
    }
  }
}
