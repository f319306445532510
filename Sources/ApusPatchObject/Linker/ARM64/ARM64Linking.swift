/// Linking for arm64 ("ELF for the Arm 64-bit Architecture").
enum ARM64Linking: LinkArchitecture {
  static let rules = ARM64Relocations.rules
  static let relocationPrefix = "R_AARCH64_"
  static let addendsCountFromPlace = false
  static let distanceOrigin: Int64 = 0
  static let largestPage: UInt64 = 65536
  /// `udf #0`.
  static let codePadding: UInt8 = 0
  static let blockBias: UInt64 = 0
}
