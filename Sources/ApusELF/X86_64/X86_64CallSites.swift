/// Call sites of x86_64: gcc's single bytes of nop or clang's longer ones, of any number.
enum X86_64CallSites: CallSiteArchitecture {
  static let needs = CallSiteNeeds(
    slotBytes: 5, flag: "-fpatchable-function-entry=5", compilers: "gcc 8 or newer, clang 10 or newer")
  static let unlistedBytes = 5
  static let landingPads: [[UInt8]] = [[0xf3, 0x0f, 0x1e, 0xfa]]  // endbr64
  static let returnSigning: [[UInt8]] = []
  static let hasNopsOfSeveralLengths = true

  /// `90` and `0f 1f /0` with any memory operand, each behind any number of the prefixes `66` and `2e` (Intel
  /// SDM, volume 2, NOP). `f3 90` is a pause, and no nop.
  static func nopLength(_ bytes: ArraySlice<UInt8>) -> Int? {
    let first = bytes.startIndex
    let end = first + min(bytes.count, NopRun.longest)
    var at = first
    while at < end, bytes[at] == 0x66 || bytes[at] == 0x2e { at += 1 }
    guard at < end else { return nil }
    if bytes[at] == 0x90 { return at + 1 - first }
    guard at + 2 < end, bytes[at] == 0x0f, bytes[at + 1] == 0x1f else { return nil }
    let modRM = bytes[at + 2]
    guard modRM >> 3 & 7 == 0 else { return nil }
    at += 3
    let mode = modRM >> 6
    if mode != 3, modRM & 7 == 4 {
      guard at < end else { return nil }
      // A base of 5 without displacement is a displacement of four bytes without base.
      if mode == 0, bytes[at] & 7 == 5 { at += 4 }
      at += 1
    } else if mode == 0, modRM & 7 == 5 {
      at += 4
    }
    if mode == 1 { at += 1 }
    if mode == 2 { at += 4 }
    return at <= end ? at - first : nil
  }

  /// Every byte is taken for the beginning of an instruction, so no branch is missed, whatever the instructions' real
  /// boundaries; a false alarm only makes a slot look smaller.
  static func firstBranchTarget(in code: [UInt8], below limit: Int) -> Int? {
    var first: Int?
    for (end, displacement) in X86_64Branches(code) {
      let target = end + Int(displacement)
      if target > 0, target < limit { first = min(first ?? target, target) }
    }
    return first
  }
}
