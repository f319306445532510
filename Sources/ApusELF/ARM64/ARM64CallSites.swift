/// Call sites of arm64: nops of one instruction each.
enum ARM64CallSites: CallSiteArchitecture {
  static let needs = CallSiteNeeds(
    slotBytes: 4, flag: "-fpatchable-function-entry=2", compilers: "gcc 8 or newer, clang 10 or newer")
  static let unlistedBytes = 8
  static let landingPads: [[UInt8]] = [[0x5f, 0x24, 0x03, 0xd5], [0xdf, 0x24, 0x03, 0xd5]]  // bti c; bti jc
  // paciasp; pacibsp
  static let returnSigning: [[UInt8]] = [[0x3f, 0x23, 0x03, 0xd5], [0x7f, 0x23, 0x03, 0xd5]]
  static let hasNopsOfSeveralLengths = false

  static func nopLength(_ bytes: ArraySlice<UInt8>) -> Int? {
    bytes.starts(with: [0x1f, 0x20, 0x03, 0xd5]) ? 4 : nil  // nop
  }
}
