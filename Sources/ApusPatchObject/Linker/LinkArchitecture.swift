import ApusCore

/// What linking is on an architecture, beyond what its relocations compute. Each architecture's folder has one.
protocol LinkArchitecture {
  // MARK: Relocations

  /// What relocations do, by their types.
  static var rules: [UInt32: RelocationRule] { get }
  /// What the names of all relocations begin with.
  static var relocationPrefix: String { get }
  /// Whether the addends of relocations that go by a slot count from the place that is changed, and not from the symbol, so that they
  /// are no part of what the slot holds.
  static var addendsCountFromPlace: Bool { get }
  /// How many bytes behind the place of a distance in code the instruction ends, from which the processor counts.
  static var distanceOrigin: Int64 { get }

  // MARK: Memory

  /// The largest page that kernels of the architecture have, in bytes.
  static var largestPage: UInt64 { get }
  /// What stands between pieces of code.
  static var codePadding: UInt8 { get }
  /// What `__tls_get_addr` adds to an offset in a thread-local block, in bytes.
  static var blockBias: UInt64 { get }

  // MARK: Calls

  /// A veneer's size in bytes.
  static var veneerSize: UInt64 { get }
  /// Whether a veneer's address can be passed around as that of the function it jumps to.
  static var veneersStandForFunctions: Bool { get }
  /// A veneer's code, ``veneerSize`` bytes; nil if the slot is too far away.
  static func code(of veneer: Veneer) -> [UInt8]?
  /// How far behind a function's address calls from its own module enter it, by the symbol's `st_other`; in bytes.
  static func localEntry(_ other: UInt8) -> UInt64
  /// Whether the caller's TOC pointer is lost in a call of a function with this `st_other`.
  static func losesTOC(isForeign: Bool, _ other: UInt8) -> Bool
  /// Loads the TOC pointer again behind the call at `offset`; false if there is no instruction to be replaced.
  static func restoreTOC(behind offset: Int, _ code: inout [UInt8]) -> Bool

  // MARK: Descriptors

  /// How many bytes of an instruction of a call through a descriptor stand before the relocation's place.
  static func descriptorLead(_ step: RelocationRule.DescriptorStep) -> Int
  /// What stands instead of an instruction of a call through a descriptor, in as many bytes, if the variable's distance from the thread
  /// pointer is known; nil if the instruction is not what it should be.
  static func descriptorCode(
    _ step: RelocationRule.DescriptorStep, _ distance: Int64, insteadOf old: [UInt8]
  ) -> [UInt8]?
}

/// Only ppc64le has a table of contents, and functions with two entries.
extension LinkArchitecture {
  static func localEntry(_ other: UInt8) -> UInt64 { 0 }
  static func losesTOC(isForeign: Bool, _ other: UInt8) -> Bool { false }
  static func restoreTOC(behind offset: Int, _ code: inout [UInt8]) -> Bool { false }
}

/// ppc64le has no descriptors.
extension LinkArchitecture {
  static func descriptorLead(_ step: RelocationRule.DescriptorStep) -> Int { 0 }
  static func descriptorCode(
    _ step: RelocationRule.DescriptorStep, _ distance: Int64, insteadOf old: [UInt8]
  ) -> [UInt8]? { nil }
}

extension Architecture {
  /// What linking is on it.
  var linking: any LinkArchitecture.Type {
    switch self {
    case .x86_64: X86_64Linking.self
    case .arm64: ARM64Linking.self
    case .ppc64le: PPC64LELinking.self
    }
  }

  /// What relocations of this type do; nil if it is none that compilers write into object files.
  func relocationRule(_ type: UInt32) -> RelocationRule? { linking.rules[type] }

  /// The name of a relocation's type, or its number.
  func relocationName(_ type: UInt32) -> String {
    relocationRule(type).map { linking.relocationPrefix + $0.name } ?? "\(type) of \(self)"
  }
}
