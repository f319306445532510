package import ApusCore

/// Call sites whose stub many functions share, on an architecture that has them.
package protocol SharedSiteTable: SendableMetatype {
  /// The bytes of the slot that are written; the body, for the stub, is behind them.
  static var slotBytes: Int { get }
  /// Where in the slot the branch stands, which alone is written to enable and to disable.
  static var branchOffset: Int { get }
  /// How far before the body the pointer may be, in bytes.
  static var reachOfPointer: UInt64 { get }
  /// A prepared slot's bytes; nil if the stub is out of reach.
  static func prepared(slot: Address, stub: Address) -> [UInt8]?
  /// The branch to the stub; nil if that is out of reach.
  static func branch(slot: Address, stub: Address) -> [UInt8]?
  /// Whether the function's code shows that the register in which the slot puts the caller's return address is needed by
  /// nobody.
  ///
  /// - Parameter body: the address where the function goes on behind the slot.
  static func canOverwriteLink(_ code: [UInt8], at address: Address, from body: Address) -> Bool
}

/// A function's call site that can lead to a shared stub.
package struct SharedSite: Sendable {
  /// The slot.
  package var slot: Address
  /// Where the pointer to the site's ops is: 8 bytes, aligned, in nops before the function.
  package var pointer: Address
  /// From there to what is the body for the stub.
  package var opsDistance: Int
  private let table: any SharedSiteTable.Type

  /// - Parameters:
  ///   - entry: the first of `bytesBefore` bytes of nops before the function.
  ///   - nops: how many bytes of nops the slot has.
  ///   - code: the function's, from `function` on.
  /// - Returns: nil where the architecture has no shared stubs, the nops leave no room, or the code does not show that the
  ///   register is free that such a site needs.
  package init?(
    _ architecture: Architecture, slot: Address, nops: Int, entry: Address, bytesBefore: Int, code: [UInt8],
    function: Address
  ) {
    guard let table = architecture.sharedSites, nops >= table.slotBytes else { return nil }
    // The last eight aligned bytes: the stub's instruction that loads them does not reach far.
    let pointer = (entry &+ UInt64(bytesBefore) &- 8) & ~7
    let body = slot &+ UInt64(table.slotBytes)
    guard bytesBefore >= 8, pointer >= entry, body &- pointer <= table.reachOfPointer,
      table.canOverwriteLink(code, at: function, from: body)
    else { return nil }
    self.table = table
    self.slot = slot
    self.pointer = pointer
    opsDistance = Int(body &- pointer)
  }

  /// Where the branch stands.
  package var branch: Address { slot &+ UInt64(table.branchOffset) }
  /// The slot's bytes that are written.
  package var slotBytes: Int { table.slotBytes }
  /// What makes the slot prepared, and then enabled, at ``branch``; nil if the stub is out of reach.
  package func writes(stub: Address) -> (prepared: [UInt8], enabling: [UInt8])? {
    guard let prepared = table.prepared(slot: slot, stub: stub),
      let branch = table.branch(slot: slot, stub: stub)
    else { return nil }
    return (prepared, branch)
  }
}

extension Architecture {
  /// How its call sites lead to stubs that functions share; nil: they do not.
  var sharedSites: (any SharedSiteTable.Type)? {
    switch self {
    case .arm64: ARM64SharedSites.self
    case .x86_64, .ppc64le: nil
    }
  }

  /// Whether call sites can lead to stubs that functions share.
  package var hasSharedStubs: Bool { sharedSites != nil }
}
