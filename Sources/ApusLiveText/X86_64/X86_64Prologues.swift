enum X86_64Prologues: HookPrologues {
  static let unwindingHooks: Set<HookSite.Purpose> = [.disarm, .land]
  static let landingDistance: Int32 = 8
  static let lockOnFault: [UInt8] = [0x83, 0xcf, 0x04]  // or edi, 4

  static func locks(_ code: [UInt8]) -> Bool {
    let number: [UInt8] = [0xb8, 151, 0, 0, 0]  // mov eax, 151
    let call: [UInt8] = [0x0f, 0x05]  // syscall
    func place(of bytes: [UInt8], from: Int, within count: Int) -> Int? {
      (from..<from + count).first { code.dropFirst($0).starts(with: bytes) }
    }
    guard let first = place(of: number, from: 0, within: 16) else { return false }
    return place(of: call, from: first + number.count, within: 8) != nil
  }

  /// Not needed: return addresses are put back, and nothing asks where an unwinder's context has what.
  static func loadedOffset(_ code: [UInt8]) -> Int32? { nil }

  /// `endbr64` is moved like any other: Linux enables no indirect branch tracking for programs.
  static func landingPad(_ code: [UInt8]) -> (bytes: Int, signsReturnAddress: Bool) { (0, false) }
}
