/// Call sites of ppc64le: nops of one instruction each, behind the local entry.
enum PPC64LECallSites: CallSiteArchitecture {
  static let needs = CallSiteNeeds(
    slotBytes: 4, flag: "-fpatchable-function-entry=2", compilers: "gcc 14 or newer")
  static let unlistedBytes = 8
  static let landingPads: [[UInt8]] = []
  static let returnSigning: [[UInt8]] = []
  static let hasNopsOfSeveralLengths = false

  static func nopLength(_ bytes: ArraySlice<UInt8>) -> Int? {
    bytes.starts(with: [0, 0, 0, 0x60]) ? 4 : nil  // ori 0,0,0
  }
}
