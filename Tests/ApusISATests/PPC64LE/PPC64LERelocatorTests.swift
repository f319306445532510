import ApusCore
import ApusISA
import TestSupport
import Testing

@Suite("ppc64le relocator")
struct PPC64LERelocatorTests {
  static let address: Address = 0x1000_0000
  static let destination: Address = 0x1080_0000

  private func code(_ lines: [String]) throws -> [UInt8] { try PowerTools.assemble(lines) }

  struct Case: Sendable {
    var text: String
    var code: [String]
    /// As it is to be written at ``destination``.
    var expected: [String]
    var count: Int
    var continues = true
    var minimum = 4
  }

  static let cases: [Case] = [
    Case(
      text: "global entry", code: ["addis 2, 12, 3", "addi 2, 2, 100"], expected: ["addis 2, 12, 3"], count: 4
    ),
    Case(
      text: "prologue", code: ["mflr 0", "std 0, 16(1)", "stdu 1, -64(1)"],
      expected: ["mflr 0", "std 0, 16(1)"],
      count: 8, minimum: 8),
    Case(text: "call", code: ["bl .+0x1000"], expected: ["bl .-0x7ff000"], count: 4),
    Case(
      text: "tail call", code: ["b .+0x1000", "nop"], expected: ["b .-0x7ff000"], count: 8, continues: false,
      minimum: 8),
    Case(
      text: "a conditional branch gets a jump", code: ["beq .+64"],
      expected: ["bc 12, 2, .+8", "b .+8", "b .-0x7fffc8"], count: 4),
    Case(
      text: "count and condition", code: ["bdnzt 6, .-64"],
      expected: ["bc 8, 6, .+8", "b .+8", "b .-0x800048"], count: 4),
    Case(
      text: "return and zeros", code: ["blr", ".long 0", "trap"], expected: ["blr"], count: 12,
      continues: false, minimum: 12),
    Case(
      text: "conditional return", code: ["beqlr", "li 3, 1"], expected: ["beqlr", "li 3, 1"], count: 8,
      minimum: 8),
    Case(text: "absolute", code: ["ba 0x100", "nop"], expected: ["ba 0x100"], count: 4, continues: false),
    Case(
      text: "this address", code: [".long 0x4c600044"], expected: ["lis 3, 0x1001", "ori 3, 3, 4"], count: 4),
  ]

  @Test("moves instructions", arguments: cases)
  func moves(_ example: Case) throws {
    // addpcis 3,1 is `this address`: the DX form has its value in three parts.
    let original = try code(
      example.code.map { $0 == ".long 0x4c600044" ? ".machine power9; addpcis 3, 1" : $0 })
    let result = try PPC64LE.Relocator().relocate(
      original, at: Self.address, to: Self.destination, minimumCount: example.minimum)
    #expect(hex(result.bytes) == hex(try code(example.expected)), "\(example.text)")
    #expect(result.originalCount == example.count && result.continues == example.continues)
    if result.continues { #expect(result.relocated(result.originalCount) == result.bytes.count) }
  }

  struct Refusal: Sendable {
    var text: String
    var code: [String]
    var destination = PPC64LERelocatorTests.destination
    var minimum = 4
    var matches: @Sendable (RelocationError.Reason) -> Bool
  }

  static let refusals: [Refusal] = [
    Refusal(text: "no bytes", code: []) { $0 == .tooShort(needed: 4, available: 0) },
    Refusal(text: "blr, then another function", code: ["blr", "mflr 0"], minimum: 8) {
      $0 == .tooShort(needed: 8, available: 4)
    },
    Refusal(text: "zeros", code: [".long 0"]) { $0 == .undecodable },
    Refusal(text: "a prefix", code: [".long 0x06000000", "nop"]) { $0 == .undecodable },
    Refusal(text: "its own address", code: ["bcl 20, 31, .+4"]) {
      if case .immovable = $0 { true } else { false }
    },
    Refusal(text: "a call of what follows", code: ["bl .+4"]) {
      if case .immovable = $0 { true } else { false }
    },
    Refusal(text: "somebody's breakpoint", code: ["trap"]) {
      if case .immovable = $0 { true } else { false }
    },
    Refusal(text: "a transaction", code: ["tbegin. 0"]) { if case .immovable = $0 { true } else { false } },
    Refusal(text: "out of range", code: ["bl .+0x1000"], destination: 0x1000_0000 + 0x200_2000) {
      if case .outOfRange(_, 0x1000_1000) = $0 { true } else { false }
    },
    Refusal(text: "branch into the slot", code: ["nop", "b .-0", "nop"], minimum: 8) {
      if case .branchIntoSlot(_, 0x1000_0004) = $0 { true } else { false }
    },
    Refusal(text: "a later branch into the slot", code: ["nop", "nop", ".long 0", "bne .-8"], minimum: 8) {
      if case .branchIntoSlot(_, 0x1000_0004) = $0 { true } else { false }
    },
  ]

  @Test("refuses what cannot be moved", arguments: refusals)
  func refuses(_ example: Refusal) throws {
    let original = try code(example.code)
    #expect("\(example.text)") {
      _ = try PPC64LE.Relocator().relocate(
        original, at: Self.address, to: example.destination, minimumCount: example.minimum)
    } throws: {
      guard let error = $0 as? RelocationError else { return false }
      return example.matches(error.reason)
    }
  }

  /// The register that instructions which make a constant write, and the constant; nil if they are others.
  private func constant(_ words: [UInt32]) -> (UInt32, UInt64)? {
    var value: UInt64 = 0
    var register: UInt32?
    for word in words {
      let (low, signed) = (UInt64(word & 0xffff), UInt64(bitPattern: Int64(Int16(truncatingIfNeeded: word))))
      let (first, second) = (word >> 21 & 31, word >> 16 & 31)
      switch (word >> 26, register) {
      case (14, nil) where second == 0: (register, value) = (first, signed)
      case (15, nil) where second == 0: (register, value) = (first, signed << 16)
      case (24, first) where second == first: value |= low
      case (25, first) where second == first: value |= low << 16
      case (30, first) where second == first && word & 0xffff == 0x07c6: value <<= 32
      default: return nil
      }
    }
    return register.map { ($0, value) }
  }

  /// What is wrong with how an instruction was moved, by where control goes and what it leaves.
  private func difference(_ old: PPC64LE.Instruction, _ new: [PPC64LE.Instruction]) -> String? {
    if case .addressOf(let register, let target) = old.effect {
      let made = constant(new.map(\.word))
      return made.map { $0.0 == UInt32(register.rawValue) && $0.1 == target } == true ? nil : "\(made as Any)"
    }
    if new.count == 1 {
      guard old.target != nil else { return new[0].word == old.word ? nil : "another word" }
      return new[0].flow == old.flow ? nil : "\(new[0].flow)"
    }
    guard case .branch(let options, let bit, let target) = old.flow, new.count == 3 else { return "\(new)" }
    let isRight =
      new[0].flow == .branch(options: options, bit: bit, new[2].address)
      && new[1].flow == .jump(new[2].next) && new[2].flow == .jump(target)
    return isRight ? nil : "\(new)"
  }

  @Test("200,000 random instructions go where they went, or are refused for a reason")
  func randomCode() throws {
    var random = Randomness(seed: 0x4e10c)
    let decoder = PPC64LE.Decoder()
    var moved = 0
    var refused: [String: Int] = [:]
    for index in 0..<200_000 {
      var word = UInt32(truncatingIfNeeded: random.next())
      let opcode = [16, 18, 19, 31, 14, 62, UInt32(random.next() % 64)][index % 7]
      word = word & 0x03ff_ffff | opcode << 26
      if opcode == 19, random.next() % 2 == 0 { word = word & ~0x3e | 4 }
      if opcode == 19, random.next() % 2 == 0 { word = word & ~0x7fe | 16 << 1 }
      if opcode == 16 || opcode == 18, random.next() % 4 != 0 { word &= ~3 }
      let place = Self.address + UInt64(random.next() % 0x1000) * 4
      let distance = [0x4000, 0x40_0000, 0x180_0000, 0x1_0000_0000][Int(random.next() % 4)]
      let destination = Self.address + UInt64(random.next() % UInt64(distance)) & ~3
      let bytes = [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: word >> UInt32($0)) }
      do {
        let old = try decoder.decode(word, at: place)
        let result = try PPC64LE.Relocator().relocate(bytes, at: place, to: destination)
        let new = try decoder.decodeAll(result.bytes, at: destination)
        if let difference = difference(old, new) {
          Issue.record("0x\(String(word, radix: 16)) from \(place) to \(destination): \(difference)")
          return
        }
        moved += 1
      } catch let error as RelocationError {
        let old = try decoder.decode(word, at: place)
        switch error.reason {
        case .outOfRange(_, let target):
          let distance = Int64(bitPattern: target &- destination)
          // A branch that got a jump is two instructions longer.
          #expect(abs(distance) >= 0x200_0000 - 8 && target == old.target)
          refused["out of range", default: 0] += 1
        case .immovable:
          let links = opcode == 16 && word & 1 == 1
          #expect(links || old.flow == .special || old.flow == .trap || old.target == old.next)
          refused["immovable", default: 0] += 1
        case .branchIntoSlot(_, let target):
          #expect(target == old.target || target & 3 != 0)
          refused["into the slot", default: 0] += 1
        case .tooShort, .undecodable: Issue.record("\(error)")
        }
      } catch is PPC64LE.DecodingError {
        refused["unknown", default: 0] += 1
      }
    }
    #expect(
      moved > 100_000 && refused["out of range", default: 0] > 1000 && refused["immovable", default: 0] > 1000
    )
    print("ppc64le relocator: \(moved) moved, \(refused.sorted { $0.key < $1.key })")
  }

  @Test("every instruction of the C library's text is decoded, and only data is not")
  func library() throws {
    let scratch = try Scratch()
    try scratch.run(
      "powerpc64le-linux-gnu-objcopy -O binary -j .text /usr/powerpc64le-linux-gnu/lib/libc.so.6 t.bin")
    let bytes = try scratch.read("t.bin")
    var unknown: [UInt32] = []
    let decoder = PPC64LE.Decoder()
    for offset in stride(from: 0, to: bytes.count & ~3, by: 4) {
      let word = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
      do { _ = try decoder.decode(word, at: UInt64(offset)) } catch { unknown.append(word) }
    }
    // The text has tables and words for unwinders in it; what the disassembler knows of the rest is no program's business.
    let others = Array(Set(unknown))
    let names = Set(try PowerTools.disassemble(others, at: 0).map(\.mnemonic))
    #expect(bytes.count > 1_000_000 && others.count > 10 && unknown.count < bytes.count / 100)
    #expect(names.subtracting([".long", "scv", "attn"]).isEmpty, "\(names.prefix(8))")
  }
}
