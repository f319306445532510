internal import ApusISA

/// Linking for x86-64 (System V ABI, AMD64 supplement).
enum X86_64Linking: LinkArchitecture {
  static let rules = X86_64Relocations.rules
  static let relocationPrefix = "R_X86_64_"
  static let addendsCountFromPlace = true
  /// Distances are the last four bytes of an instruction, or the compiler has put the difference into the addend.
  static let distanceOrigin: Int64 = 4
  static let largestPage: UInt64 = 4096
  /// `int3`.
  static let codePadding = UInt8(truncatingIfNeeded: X86_64.Opcode.breakpoint.rawValue)
  static let blockBias: UInt64 = 0
}
