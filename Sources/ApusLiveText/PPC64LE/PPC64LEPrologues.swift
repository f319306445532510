enum PPC64LEPrologues: HookPrologues {
  static let unwindingHooks: Set<HookSite.Purpose> = [.lookUp, .land]
  static let landingDistance: Int32 = -1
  static let lockOnFault: [UInt8] = [0x04, 0x00, 0x63, 0x60]  // ori r3, r3, 4

  static func locks(_ code: [UInt8]) -> Bool {
    let number: [UInt8] = [0x98, 0x00, 0x00, 0x38]  // li r0, 152
    // sc, and scv 0 where the processor has it: the wrapper has both
    let calls: [[UInt8]] = [[0x02, 0x00, 0x00, 0x44], [0x01, 0x00, 0x00, 0x44]]
    let words = stride(from: 0, through: min(code.count, 96) - 4, by: 4).map { Array(code[$0..<$0 + 4]) }
    guard let first = words.prefix(4).firstIndex(of: number) else { return false }
    return words[(first + 1)...].contains { calls.contains($0) }
  }

  static func loadedOffset(_ code: [UInt8]) -> Int32? {
    // ld r3, offset(r3); blr
    let rest: [UInt8] = [0x63, 0xe8, 0x20, 0x00, 0x80, 0x4e]
    // Behind the return a table for debuggers may follow, whose first word is 0.
    guard code.count >= 8, code[2..<8].elementsEqual(rest), code[0] & 3 == 0,
      code[8...].prefix(4).allSatisfy({ $0 == 0 })
    else { return nil }
    return Int32(Int16(bitPattern: UInt16(code[0]) | UInt16(code[1]) << 8))
  }

  /// There are none.
  static func landingPad(_ code: [UInt8]) -> (bytes: Int, signsReturnAddress: Bool) { (0, false) }
}
