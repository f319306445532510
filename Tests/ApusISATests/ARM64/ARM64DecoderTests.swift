import ApusCore
import ApusISA
import TestSupport
import Testing

@Suite("arm64 decoder")
struct ARM64DecoderTests {
  /// What a disassembler says of an instruction.
  private struct Listed {
    var address: Address
    var word: UInt32
    var mnemonic: Substring
    var operands: Substring
    /// The last operand, if it is a place.
    var target: Address?
  }

  /// objdump's listing of a file.
  private func listing(_ command: String, _ scratch: Scratch) throws -> [Listed] {
    try scratch.run("\(command) > listing")
    return String(decoding: try scratch.read("listing"), as: UTF8.self).split(separator: "\n")
      .compactMap { line in
        // "   24e80:\t54000040 \tb.eq\t24e88 <name+0x8>  // b.none"
        let parts = line.split(separator: "\t")
        guard parts.count >= 3, parts[0].hasSuffix(":"),
          let address = UInt64(parts[0].drop { $0 == " " }.dropLast(), radix: 16),
          let word = UInt32(parts[1].prefix { $0 != " " }, radix: 16)
        else { return nil }
        let operands = parts.count > 3 ? parts[3].prefix { $0 != "<" && $0 != "/" } : ""
        let last = operands.split(separator: ",").last?.split(separator: " ").first ?? ""
        let digits = last.hasPrefix("0x") ? last.dropFirst(2) : last
        return Listed(
          address: address, word: word, mnemonic: parts[2].prefix { $0 != " " }, operands: operands,
          target: UInt64(digits, radix: 16))
      }
  }

  /// What the mnemonic says that the kind must be; nil if it says nothing.
  private func expected(_ item: Listed) -> String? {
    switch item.mnemonic {
    case "b": "jump"
    case "bl": "call"
    // What vectors call by the same name has no place in it.
    case "adr" where item.operands.hasPrefix("z"): nil
    case "cbz", "cbnz": "compareZero"
    case "tbz", "tbnz": "testBit"
    case "adr", "adrp": "address"
    case "br", "braa", "brab", "braaz", "brabz": "jumpRegister"
    case "blr", "blraa", "blrab", "blraaz", "blrabz": "callRegister"
    case "ret", "retaa", "retab": "return"
    case "brk", "hlt", "udf", "dcps1", "dcps2", "dcps3", "hvc", "smc", "eret", "eretaa", "eretab", "drps",
      "tcancel":
      "trap"
    case let name where name.hasPrefix("b."): "branch"
    default: nil
    }
  }

  private func name(_ kind: ARM64.Instruction.Kind) -> String {
    switch kind {
    case .other: "other"
    case .hint: "hint"
    case .move: "move"
    case .stack: "stack"
    case .address: "address"
    case .literal: "literal"
    case .jump: "jump"
    case .call: "call"
    case .branch: "branch"
    case .compareZero: "compareZero"
    case .testBit: "testBit"
    case .jumpRegister: "jumpRegister"
    case .callRegister: "callRegister"
    case .return: "return"
    case .trap: "trap"
    case .unknown: "unknown"
    }
  }

  /// What is wrong, or nil.
  private func objection(_ item: Listed, mayBeUnknown: Bool) -> String? {
    let decoded = ARM64.Decoder().decode(item.word, at: item.address)
    let name = name(decoded.kind)
    if mayBeUnknown, name == "unknown" { return nil }
    if let expected = expected(item) {
      if name != expected { return "\(name), not \(expected)" }
    } else if ["b", "call", "jump", "branch", "trap", "return", "address"].contains(name) {
      return name
    }
    let isLoad = ["ldr", "ldrsw", "prfm"].contains(item.mnemonic)
    if isLoad, !item.operands.contains("[") {
      if name != "literal" { return "\(name), not literal" }
    } else if name == "literal" {
      return name
    }
    if let target = decoded.relativeTarget, target != item.target {
      return "to \(String(target, radix: 16)), not \(item.target.map { String($0, radix: 16) } ?? "nowhere")"
    }
    if case .stack(let change) = decoded.kind, let objection = stackObjection(item, change) {
      return objection
    }
    if item.operands.hasPrefix("sp, sp, #"), ["add", "sub"].contains(item.mnemonic), name != "stack" {
      return "\(name), not stack"
    }
    if item.operands.contains("[sp], #") || item.operands.contains("[sp, #") && item.operands.contains("]!"),
      !item.mnemonic.hasPrefix("ld1"), !item.mnemonic.hasPrefix("st1"), name != "stack"
    {
      return "\(name), not stack"
    }
    return nil
  }

  /// The number that a change of the stack is written with.
  private func stackObjection(_ item: Listed, _ change: Int32) -> String? {
    let numbers = item.operands.split(separator: "#").dropFirst().map {
      $0.prefix { "-0123456789abcdefx".contains($0) }
    }
    guard let text = numbers.first else { return "changes the stack" }
    let negative = text.hasPrefix("-")
    let digits = negative ? text.dropFirst() : text
    var value = (digits.hasPrefix("0x") ? Int32(digits.dropFirst(2), radix: 16) : Int32(digits)) ?? 0
    if item.operands.contains("lsl #12") { value <<= 12 }
    if negative != (item.mnemonic == "sub") { value = -value }
    return value == change ? nil : "adds \(change) to sp"
  }

  @Test("says of every instruction of the C library what objdump says")
  func library() throws {
    let scratch = try Scratch()
    let items = try listing("aarch64-linux-gnu-objdump -d /usr/aarch64-linux-gnu/lib/libc.so.6", scratch)
    #expect(items.count > 200_000)
    var wrong = 0
    var kinds: [String: Int] = [:]
    for item in items {
      let decoded = ARM64.Decoder().decode(item.word, at: item.address)
      kinds[name(decoded.kind), default: 0] += 1
      guard let objection = objection(item, mayBeUnknown: false) else { continue }
      wrong += 1
      if wrong < 20 { Issue.record("\(item.mnemonic) \(item.operands): \(objection)") }
    }
    // What compilers make is known, but for rare things of the loader's.
    #expect((kinds["unknown"] ?? 0) * 10_000 < items.count)
    print("arm64 decoder, C library: \(kinds.sorted { $0.key < $1.key })")
    #expect(wrong == 0)
  }

  @Test("of random words, none that names its own place or ends a path is taken for another")
  func randomWords() throws {
    let scratch = try Scratch()
    var random = Randomness(seed: 0xdec0de)
    var code = ARM64.Encoder()
    let count = 100_000
    for index in 0..<count {
      var word = UInt32(truncatingIfNeeded: random.next())
      // Half of them branches, literals and addresses, which are rarer than that.
      switch index % 8 {
      case 0: word = word & ~(15 << 25) | 10 << 25
      case 1: word = word & ~(3 << 24 | 7 << 27) | 3 << 27
      case 2: word = word & 0x03ff_ffff | 0xd400_0000
      case 3: word = word & 0x001f_ffff | 0xd600_0000 | UInt32(random.below(16)) << 21 | 31 << 16
      case 4: word = word & ~(15 << 25) | 8 << 25
      default: break
      }
      code.word(word)
    }
    try scratch.write("t.s", ".incbin \"words\"\n")
    try scratch.write("words", code.bytes)
    let items = try listing("aarch64-linux-gnu-objdump -b binary -m aarch64 -D words", scratch)
    #expect(items.count == count)
    var wrong = 0
    for item in items where item.mnemonic != ".inst" && item.mnemonic != "undefined" {
      guard let objection = objection(item, mayBeUnknown: true) else { continue }
      wrong += 1
      if wrong < 20 { Issue.record("\(hex32(item.word)) \(item.mnemonic) \(item.operands): \(objection)") }
    }
    #expect(wrong == 0)
  }

  private func hex32(_ word: UInt32) -> String { String(word, radix: 16) }

  struct Case: Sendable {
    var text: String
    var kind: ARM64.Instruction.Kind
    var isLandingPad = false
  }

  static let cases: [Case] = [
    Case(text: "nop", kind: .hint(0)),
    Case(text: "bti c", kind: .hint(34), isLandingPad: true),
    Case(text: "bti j", kind: .hint(36)),
    Case(text: "bti jc", kind: .hint(38), isLandingPad: true),
    Case(text: "paciasp", kind: .hint(25), isLandingPad: true),
    Case(text: "autiasp", kind: .hint(29)),
    Case(text: "mov x9, x30", kind: .move(.x9, .x30)),
    Case(text: "mov x29, sp", kind: .move(.x29, .sp)),
    Case(text: "mov sp, x29", kind: .move(.sp, .x29)),
    Case(text: "mov x1, xzr", kind: .move(.x1, .zero)),
    Case(text: "mov w1, w2", kind: .other),
    Case(text: "sub sp, sp, #32", kind: .stack(-32)),
    Case(text: "add sp, sp, #1, lsl #12", kind: .stack(4096)),
    Case(text: "stp x29, x30, [sp, #-48]!", kind: .stack(-48)),
    Case(text: "ldp x29, x30, [sp], #48", kind: .stack(48)),
    Case(text: "stp q0, q1, [sp, #-64]!", kind: .stack(-64)),
    Case(text: "stp d8, d9, [sp, #-16]!", kind: .stack(-16)),
    Case(text: "stp w1, w2, [sp, #-16]!", kind: .stack(-16)),
    Case(text: "str x30, [sp, #-16]!", kind: .stack(-16)),
    Case(text: "str q0, [sp, #-16]!", kind: .stack(-16)),
    Case(text: "ldr x30, [sp], #16", kind: .stack(16)),
    Case(text: "stp x29, x30, [sp, #16]", kind: .other),
    Case(text: "sub sp, sp, x16", kind: .other),
    Case(text: "retaa", kind: .return(.x30)),
    Case(text: "ret x5", kind: .return(.x5)),
    Case(text: "braa x16, x17", kind: .jumpRegister(.x16)),
    Case(text: "blraaz x3", kind: .callRegister(.x3)),
    Case(text: "svc #0", kind: .other),
    Case(text: "brk #1", kind: .trap),
    Case(text: "udf #0", kind: .trap),
    Case(text: "mrs x0, tpidr_el0", kind: .other),
    Case(text: "dmb ish", kind: .other),
    Case(text: "pacia x30, x9", kind: .other),
    Case(text: "xpacd x3", kind: .other),
    Case(text: "rbit x3, x4", kind: .other),
    Case(text: "extr x3, x4, x5, #6", kind: .other),
    // paciasppc, retaasppc, autiasppc, pacm: pointer authentication with the program counter.
    Case(text: ".inst 0xdac1a3fe", kind: .unknown),
    Case(text: ".inst 0x5500001f", kind: .unknown),
    Case(text: ".inst 0xf380001f", kind: .unknown),
    Case(text: ".inst 0xd50324ff", kind: .unknown),
    // Compare and branch of later architectures.
    Case(text: ".inst 0x74000000", kind: .unknown),
    Case(text: ".inst 0xdc000000", kind: .unknown),
    Case(text: ".inst 0x02000000", kind: .unknown),
  ]

  @Test("knows what prologues are made of")
  func prologues() throws {
    let bytes = try ARM64EncoderTests.assemble(Self.cases.map(\.text), "gnu")
    let decoded = ARM64.Decoder().decodeAll(bytes, at: 0x1000)
    #expect(decoded.count == Self.cases.count)
    for (item, instruction) in zip(Self.cases, decoded) {
      #expect(instruction.kind == item.kind, "\(item.text)")
      #expect(instruction.isLandingPad == item.isLandingPad, "\(item.text)")
    }
    #expect(ARM64.Decoder().decode([0x1f, 0x20, 0x03], at: 0) == nil)
  }

  @Test("reads back every form with a target that the encoder writes")
  func roundTrip() throws {
    var random = Randomness(seed: 77)
    let place: Address = 0x12_3456_7000
    for _ in 0..<50_000 {
      var code = ARM64.Encoder()
      let (register, flag, wide) = (random.orZero(), random.flag(), random.flag())
      let near = random.distance(14)
      let far = random.distance(19)
      let kind: ARM64.Instruction.Kind
      func target(_ distance: Int) -> Address { place &+ UInt64(bitPattern: Int64(distance)) }
      switch random.below(6) {
      case 0:
        code.compareZero(register, isNotZero: flag, wide: wide, far)
        kind = .compareZero(register, isNotZero: flag, wide: wide, target(far))
      case 1:
        let bit = UInt8(random.below(64))
        code.testBit(register, bit, isSet: flag, near)
        kind = .testBit(register, bit, isSet: flag, target(near))
      case 2:
        let condition = ARM64.Condition.allCases[random.below(16)]
        code.branch(condition, far)
        kind = .branch(condition, target(far))
      case 3:
        let literal = ARM64.Literal.allCases[random.below(7)]
        code.loadLiteral(literal, UInt8(random.below(32)), far)
        kind = .literal(literal, UInt8(code.bytes[0] & 31), target(far))
      case 4:
        let distance = random.number((1 << 21) - 1) - (1 << 20)
        code.address(register, distance)
        kind = .address(register, target(distance), isPage: false)
      default:
        let distance = random.distance(26)
        if flag { code.call(distance) } else { code.jump(distance) }
        kind = flag ? .call(target(distance)) : .jump(target(distance))
      }
      #expect(ARM64.Decoder().decode(code.bytes, at: place)?.kind == kind)
    }
  }
}
