import ApusCore
import ApusISA
import TestSupport
import Testing

@Suite("ppc64le decoder")
struct PPC64LEDecoderTests {
  private static let address: Address = 0x1000_0000
  private typealias Flow = PPC64LE.Instruction.Flow
  private typealias Effect = PPC64LE.Instruction.Effect

  /// Random words, more of those that are branches or move special registers.
  private func words(_ count: Int) -> [UInt32] {
    var random = Randomness(seed: 0xdec0de)
    return (0..<count).map { index in
      let word = UInt32(truncatingIfNeeded: random.next())
      let low = word & 0x03ff_ffff
      let always = index % 8 < 4 ? low & ~(31 << 21) | 20 << 21 : low
      switch index % 16 {
      case 0, 1: return 16 << 26 | always
      case 2, 3: return 18 << 26 | low
      case 4, 5:
        return 19 << 26 | always & ~0x7fe | [16, 528, 560, 150, 0][Int(random.next() % 5)] << 1 & ~0xf800
      case 6: return 19 << 26 | low & ~0x3e | 4
      case 7: return 31 << 26 | low & ~0x1f_ffff | 8 << 16 | [339, 467][Int(random.next() % 2)] << 1
      case 8: return [14, 15, 62][Int(random.next() % 3)] << 26 | 1 << 21 | 1 << 16 | word & 0xfffd
      case 9 where index % 32 == 9:
        // rfid, hrfid, rfscv, rfebb, scv, attn
        return [0x4c00_0024, 0x4c00_0224, 0x4c00_00a4, 0x4c00_0124, 0x4400_0001, 0x200][
          Int(random.next() % 6)]
      case 9: return 19 << 26 | low
      default: return word
      }
    }
  }

  @Test("says what the disassembler says of 200,000 random words")
  func agreesWithDisassembler() throws {
    let words = words(200_000)
    let theirs = try PowerTools.disassemble(words, at: Self.address)
    try #require(theirs.count == words.count)
    var counts: [String: Int] = [:]
    for (index, word) in words.enumerated() {
      let place = Self.address + UInt64(4 * index)
      let (mnemonic, operands) = theirs[index]
      let ours: PPC64LE.Instruction?
      do { ours = try PPC64LE.Decoder().decode(word, at: place) } catch { ours = nil }
      let (kind, difference) = compare(ours, mnemonic, operands, place)
      counts[kind, default: 0] += 1
      if let difference {
        Issue.record("0x\(String(word, radix: 16)) \(mnemonic) \(operands): \(difference)")
        return
      }
    }
    for kind in ["branch", "addpcis", "link", "stack", "other", "unknown", "none"] {
      #expect(counts[kind, default: 0] > 100, "\(kind)")
    }
    print(
      "ppc64le decoder: \(counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))"
    )
  }

  /// Names that begin as branches do.
  private static let notBranches = ["bcd", "bperm", "brw", "brh", "brd", "blq"]

  private func compare(
    _ ours: PPC64LE.Instruction?, _ mnemonic: String, _ operands: String, _ place: Address
  ) -> (String, String?) {
    let last = operands.split(separator: ",").last.map(String.init) ?? ""
    if mnemonic == ".long" {
      // Reserved bits or operands: whatever we say must hold whatever the instruction does.
      guard let ours else { return ("none", nil) }
      return ("none", ours.flow == .next || ours.word >> 26 != 17 ? nil : "not a system call")
    }
    if mnemonic.hasPrefix("b"), !Self.notBranches.contains(where: mnemonic.hasPrefix) {
      guard let ours else { return ("branch", "not decoded") }
      return ("branch", compareBranch(ours, mnemonic, last))
    }
    if ["lnia", "addpcis", "subpcis"].contains(mnemonic) {
      guard case .addressOf(let register, let target)? = ours?.effect else {
        return ("addpcis", "\(ours as Any)")
      }
      let fields = operands.split(separator: ",")
      let value = mnemonic == "lnia" ? 0 : Int64(last) ?? .min
      let distance = UInt64(bitPattern: (mnemonic == "subpcis" ? -value : value) << 16)
      let isRight = fields.first == "r\(register.rawValue)" && target == place &+ 4 &+ distance
      return ("addpcis", isRight ? nil : "\(register) \(target)")
    }
    guard let ours else {
      // What we do not know must be what POWER8 has not, or what a program has no use for.
      let known = [
        "scv", "rf", "hrf", "attn", "stop", "nap", "sleep", "doze", "rvwinkle", "lxvp", "stxvp", "urf",
      ]
      return ("unknown", known.contains(where: mnemonic.hasPrefix) ? nil : "not decoded")
    }
    switch mnemonic {
    case "mflr": return ("link", ours.effect == .moveFromLink(register(operands)) ? nil : "\(ours.effect)")
    case "mtlr": return ("link", ours.effect == .moveToLink(register(operands)) ? nil : "\(ours.effect)")
    case "trap": return ("other", ours.flow == .trap ? nil : "\(ours.flow)")
    case "tbegin.": return ("other", ours.flow == .special ? nil : "\(ours.flow)")
    case "nop": return ("other", ours.effect == .noOperation ? nil : "\(ours.effect)")
    case "stdu" where operands.hasPrefix("r1,") && operands.hasSuffix("(r1)"):
      let distance = Int16(operands.dropFirst(3).dropLast(4))
      return ("stack", distance.map { ours.effect == .moveStack($0) } == true ? nil : "\(ours.effect)")
    case "addi" where operands.hasPrefix("r1,r1,"):
      return ("stack", ours.effect == Int16(last).map { .moveStack($0) } ? nil : "\(ours.effect)")
    default: return ("other", ours.flow == .next ? nil : "\(ours.flow)")
    }
  }

  private func register(_ operand: String) -> PPC64LE.Register {
    UInt8(operand.dropFirst()).flatMap { PPC64LE.Register(rawValue: $0) } ?? .r0
  }

  /// The disassembler's name says whether a branch links, and through which register it goes.
  private func compareBranch(_ ours: PPC64LE.Instruction, _ mnemonic: String, _ last: String) -> String? {
    var name = mnemonic.filter { $0 != "+" && $0 != "-" }
    let target: Address?
    let register = ["lr", "ctr", "tar"].first { name.hasSuffix($0) || name.hasSuffix($0 + "l") }
    let digits = last.split(separator: " ").last.map { $0.hasPrefix("0x") ? $0.dropFirst(2) : $0 }
    if register == nil, let place = digits.flatMap({ UInt64($0, radix: 16) }) {
      target = place
    } else {
      target = nil
    }
    let isAbsolute = name.hasSuffix("a") && register == nil
    if isAbsolute { name.removeLast() }
    /// The disassembler shows the lower half of absolute addresses only.
    func isTarget(_ place: Address?) -> Bool {
      isAbsolute ? place.map { $0 & 0xffff_ffff } == target.map { $0 & 0xffff_ffff } : place == target
    }
    let links = name.hasSuffix("l")
    if links { name.removeLast() }
    if let register { name.removeLast(register.count) }
    // `bc` may have any operands, also those that say "always".
    let isAlways: Bool? = name == "b" ? true : name == "bc" ? nil : false
    switch ours.flow {
    case .call(let place): return links && isTarget(place) ? nil : "\(ours.flow)"
    case .jump(let place): return !links && isAlways != false && isTarget(place) ? nil : "\(ours.flow)"
    case .branch(_, _, let place): return !links && isAlways != true && isTarget(place) ? nil : "\(ours.flow)"
    case .return(let isConditional):
      return !links && register == "lr" && isAlways != isConditional ? nil : "\(ours.flow)"
    case .next, .trap, .special: return "\(ours.flow)"
    }
  }

  @Test("what was assembled is what is decoded")
  func assembled() throws {
    let cases: [(String, Flow, Effect)] = [
      ("b .+0x1000", .jump(0x1000), .other), ("bl .-0x100", .call(UInt64(bitPattern: -0x100)), .other),
      ("beq .+64", .branch(options: 12, bit: 2, 64), .other),
      ("bdnz .-32", .branch(options: 16, bit: 0, UInt64(bitPattern: -32)), .other),
      ("bcl 20, 31, .+4", .call(4), .other), ("bctr", .jump(nil), .other), ("bctrl", .call(nil), .other),
      ("beqctr", .branch(options: 12, bit: 2, nil), .other), ("blr", .return(isConditional: false), .other),
      ("bnelr", .return(isConditional: true), .other), ("sc", .next, .other), ("trap", .trap, .other),
      ("tdeq 3, 4", .next, .other), ("addis 2, 12, 2", .next, .setUpTOC),
      ("addi 2, 2, -100", .next, .setUpTOC),
      ("mflr 0", .next, .moveFromLink(.r0)), ("mtlr 12", .next, .moveToLink(.r12)),
      ("std 0, 16(1)", .next, .storeToStack(.r0, 16)), ("std 31, -8(1)", .next, .storeToStack(.r31, -8)),
      ("stdu 1, -64(1)", .next, .moveStack(-64)), ("addi 1, 1, 64", .next, .moveStack(64)),
      ("nop", .next, .noOperation), ("tbegin. 0", .special, .other), ("ldarx 3, 0, 4", .next, .other),
    ]
    for (text, flow, effect) in cases {
      let bytes = try PowerTools.assemble([text])
      let decoded = try PPC64LE.Decoder().decode(bytes, at: 0)
      #expect(decoded.flow == flow && decoded.effect == effect, "\(text): \(decoded)")
    }
  }

  @Test("refuses what is no whole instruction, or not known")
  func refusals() {
    let decoder = PPC64LE.Decoder()
    #expect(throws: PPC64LE.DecodingError.truncated(8)) { try decoder.decode([0, 0, 0], at: 8) }
    #expect(throws: PPC64LE.DecodingError.misaligned(6)) { try decoder.decode([0, 0, 0, 0x60], at: 6) }
    for word: UInt32 in [0, 0x0600_0000, 0x4400_0001, 0x4c00_0024, 0x0400_0000, 0x1800_0000] {
      #expect(throws: PPC64LE.DecodingError.unknown(0, word)) { try decoder.decode(word, at: 0) }
    }
  }
}
