internal import ApusISA

enum ARM64Prologues: HookPrologues {
  static let unwindingHooks: Set<HookSite.Purpose> = [.lookUp, .land]
  static let landingDistance: Int32 = -1
  static let lockOnFault: [UInt8] = [0x00, 0x00, 0x1e, 0x32]  // orr w0, w0, #4

  static func locks(_ code: [UInt8]) -> Bool {
    let number: [UInt8] = [0xc8, 0x1c, 0x80]  // mov x8, #230, or w8: the last byte tells
    let call: [UInt8] = [0x01, 0x00, 0x00, 0xd4]  // svc #0
    let words = stride(from: 0, through: min(code.count, 32) - 4, by: 4).map { code[$0..<$0 + 4] }
    guard
      let first = words.prefix(4).firstIndex(where: { $0.starts(with: number) && $0.last! & 0x7f == 0x52 })
    else { return false }
    return words[(first + 1)...].prefix(2).contains { $0.elementsEqual(call) }
  }

  static func loadedOffset(_ code: [UInt8]) -> Int32? {
    let all = ARM64.Decoder().decodeAll(code, at: 0)
    let rest = all.first?.isLandingPad == true ? all.dropFirst() : all[...]
    guard rest.count == 2, let load = rest.first, let last = rest.last, case .return(.link) = last.kind,
      // ldr x0, [x0, #offset]: the offset is in words
      load.word & 0xffc0_03ff == 0xf940_0000
    else { return nil }
    return Int32(load.word >> 10 & 0xfff) * 8
  }

  /// A hint that indirect calls land on stays where it is: in the page of a program with branch target
  /// identification only it may be landed on (Arm ARM, D8.4.4).
  static func landingPad(_ code: [UInt8]) -> (bytes: Int, signsReturnAddress: Bool) {
    guard let first = ARM64.Decoder().decode(code[...], at: 0), first.isLandingPad,
      case .hint(let number) = first.kind
    else { return (0, false) }
    let signs = [ARM64.Hint.signLinkA, .signLinkB].contains { $0.rawValue == number }
    return (ARM64.instructionSize, signs)
  }
}
