/// Linking for ppc64le ("64-Bit ELF V2 ABI Specification: Power Architecture").
enum PPC64LELinking: LinkArchitecture {
  static let rules = PPC64LERelocations.rules
  static let relocationPrefix = "R_PPC64_"
  static let addendsCountFromPlace = false
  static let distanceOrigin: Int64 = 0
  static let largestPage: UInt64 = 65536
  /// Words of zeros are no instruction.
  static let codePadding: UInt8 = 0
  /// ELFv2, 3.7.3.3.
  static let blockBias: UInt64 = 0x8000
}
