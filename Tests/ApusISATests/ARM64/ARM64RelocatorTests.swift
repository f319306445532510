import ApusCore
import ApusISA
import TestSupport
import Testing

@Suite("arm64 relocator")
struct ARM64RelocatorTests {
  static let address: Address = 0x40_0000

  struct Case: Sendable {
    var text: String
    var code: String
    var destination: Address = 0x50_0000
    /// What the destination must hold, as an assembler writes it there.
    var expected: String
    var minimum = 4
    var continues = true
  }

  static let cases: [Case] = [
    Case(text: "plain prologue", code: "stp x29, x30, [sp, #-32]!", expected: "stp x29, x30, [sp, #-32]!"),
    Case(text: "landing pad", code: "bti c", expected: "bti c"),
    Case(text: "signing", code: "paciasp", expected: "paciasp"),
    Case(text: "a return", code: "ret", expected: "ret", continues: false),
    Case(text: "an authenticated return", code: "retaa", expected: "retaa", continues: false),
    Case(text: "jump", code: "b 0x400100", expected: "b 0x400100", continues: false),
    Case(text: "call", code: "bl 0x3f0000", expected: "bl 0x3f0000"),
    Case(text: "call through a register", code: "blr x3", expected: "blr x3"),
    Case(text: "branch that reaches", code: "b.eq 0x400040", expected: "b.eq 0x400040"),
    Case(
      text: "branch that does not", code: "b.lo 0x400040", destination: 0x80_0000,
      expected: "b.hs . + 8\nb 0x400040"),
    Case(
      text: "cbz that does not reach", code: "cbz w3, 0x400040", destination: 0x80_0000,
      expected: "cbnz w3, . + 8\nb 0x400040"),
    Case(text: "cbnz that reaches", code: "cbnz x3, 0x400040", expected: "cbnz x3, 0x400040"),
    Case(
      text: "tbnz that does not reach", code: "tbnz x3, #40, 0x400040",
      expected: "tbz x3, #40, . + 8\nb 0x400040"),
    Case(
      text: "tbz that reaches", code: "tbz w3, #4, 0x400040", destination: 0x40_4000,
      expected: "tbz w3, #4, 0x400040"),
    Case(text: "adr that reaches", code: "adr x4, 0x400043", expected: "adr x4, 0x400043"),
    Case(
      text: "adr that does not", code: "adr x4, 0x400043", destination: 0x80_0000,
      expected: ".inst 0x90ffe004\nadd x4, x4, #0x43"),
    Case(
      text: "adr over more than 4 GiB", code: "adr x4, 0x400043", destination: 0x2_0000_0000_0000,
      expected: "movz x4, #0x43\nmovk x4, #0x40, lsl #16"),
    Case(
      text: "adrp of a page", code: ".inst 0xb0001009", destination: 0x1000_0000,
      expected: ".inst 0xb0f83009"),
    Case(text: "literal that reaches", code: "ldr x5, 0x400080", expected: "ldr x5, 0x400080"),
    Case(
      text: "literal that does not", code: "ldr x5, 0x400080", destination: 0x80_0000,
      expected: ".inst 0x90ffe005\nadd x5, x5, #0x80\nldr x5, [x5]"),
    Case(
      text: "signed literal", code: "ldrsw x5, 0x400080", destination: 0x80_0000,
      expected: ".inst 0x90ffe005\nadd x5, x5, #0x80\nldrsw x5, [x5]"),
    Case(
      text: "narrow literal", code: "ldr w5, 0x400080", destination: 0x80_0000,
      expected: ".inst 0x90ffe005\nadd x5, x5, #0x80\nldr w5, [x5]"),
    Case(text: "prefetch", code: "prfm pldl1keep, 0x400080", destination: 0x80_0000, expected: "nop"),
    Case(text: "vector literal", code: "ldr q5, 0x400080", expected: "ldr q5, 0x400080"),
    Case(
      text: "several", code: "bti c\nmov x9, x30\nb 0x400100", expected: "bti c\nmov x9, x30\nb 0x400100",
      minimum: 12, continues: false),
    Case(
      text: "a return and padding", code: "ret\nnop\nudf #0", expected: "ret", minimum: 12, continues: false),
    Case(
      text: "a loop to the start stays there", code: "nop\ncbz x0, 0x400000", destination: 0x48_0000,
      expected: "nop\ncbz x0, 0x400000", minimum: 8),
  ]

  /// The bytes of code that is written for an address.
  private func assemble(_ text: String, at address: Address) throws -> [UInt8] {
    // The assembler wants distances where addresses are written.
    var place = address
    let lines = text.split(separator: "\n").map { line -> String in
      defer { place += 4 }
      let words = line.split(separator: " ")
      guard let last = words.last, last.hasPrefix("0x"), line.first != ".",
        let target = UInt64(last.dropFirst(2), radix: 16)
      else { return String(line) }
      return words.dropLast().joined(separator: " ") + " . + (\(Int64(bitPattern: target &- place)))"
    }
    return try ARM64EncoderTests.assemble(lines, "gnu")
  }

  @Test("moves instructions", arguments: cases)
  func moves(_ example: Case) throws {
    let code = try assemble(example.code, at: Self.address)
    let result = try ARM64.Relocator().relocate(
      code, at: Self.address, to: example.destination, minimumCount: example.minimum)
    let expected = try assemble(example.expected, at: example.destination)
    #expect(hex(result.bytes) == hex(expected), "\(example.text)")
    #expect(result.originalCount == example.minimum && result.continues == example.continues)
    #expect(result.relocated(0) == 0)
    if result.continues { #expect(result.relocated(result.originalCount) == result.bytes.count) }
    let isCall = ARM64.Decoder().decodeAll(code, at: 0).contains(where: \.isCall)
    #expect(result.returnPoints == (isCall ? [result.bytes.count] : []))
  }

  struct Refusal: Sendable {
    var text: String
    var code: String
    var destination: Address = 0x50_0000
    var minimum = 4
    var matches: @Sendable (RelocationError.Reason) -> Bool
  }

  static let refusals: [Refusal] = [
    Refusal(text: "no bytes", code: "") { $0 == .tooShort(needed: 4, available: 0) },
    Refusal(text: "cut short", code: ".byte 0, 1, 2") { $0 == .tooShort(needed: 4, available: 3) },
    Refusal(text: "a return, then another function", code: "ret\nsub sp, sp, #16", minimum: 8) {
      $0 == .tooShort(needed: 8, available: 4)
    },
    Refusal(text: "somebody's breakpoint", code: "brk #0") {
      if case .immovable = $0 { true } else { false }
    },
    Refusal(text: "signing with the program counter", code: ".inst 0xdac1a3fe") {
      if case .immovable = $0 { true } else { false }
    },
    Refusal(text: "jump out of range", code: "b 0x400100", destination: 0x1000_0000) {
      if case .outOfRange(_, 0x40_0100) = $0 { true } else { false }
    },
    Refusal(text: "branch out of range", code: "b.ne 0x400100", destination: 0x1000_0000) {
      if case .outOfRange(_, 0x40_0100) = $0 { true } else { false }
    },
    Refusal(text: "vector literal out of range", code: "ldr d0, 0x400100", destination: 0x80_0000) {
      if case .outOfRange(_, 0x40_0100) = $0 { true } else { false }
    },
    Refusal(text: "literal for nothing", code: "ldr xzr, 0x400100", destination: 0x80_0000) {
      if case .outOfRange(_, 0x40_0100) = $0 { true } else { false }
    },
    Refusal(text: "a literal in the slot", code: "ldr w0, 0x400000") {
      if case .branchIntoSlot(_, 0x40_0000) = $0 { true } else { false }
    },
    Refusal(text: "a branch into the slot", code: "nop\nnop\ncbz x0, 0x400004", minimum: 8) {
      if case .branchIntoSlot(_, 0x40_0004) = $0 { true } else { false }
    },
    Refusal(text: "an address in the slot", code: "nop\nnop\nadr x0, 0x400004", minimum: 8) {
      if case .branchIntoSlot(_, 0x40_0004) = $0 { true } else { false }
    },
  ]

  @Test("refuses what cannot be moved", arguments: refusals)
  func refuses(_ example: Refusal) throws {
    let code = try assemble(example.code, at: Self.address)
    #expect("\(example.text)") {
      _ = try ARM64.Relocator().relocate(
        code, at: Self.address, to: example.destination, minimumCount: example.minimum)
    } throws: { error in
      guard let error = error as? RelocationError else { return false }
      return example.matches(error.reason)
    }
  }

  private func relocate(
    _ code: [UInt8], _ address: Address, _ destination: Address
  ) -> Result<RelocatedCode, RelocationError> {
    do throws(RelocationError) {
      return .success(try ARM64.Relocator().relocate(code, at: address, to: destination))
    } catch {
      return .failure(error)
    }
  }

  /// What moved code computes or where it goes, followed by arithmetic: the same as the instruction did in its place.
  @Test("random instructions mean the same in random places")
  func randomPlaces() throws {
    var random = Randomness(seed: 0x4e10)
    var moved = 0
    var refused = 0
    for _ in 0..<100_000 {
      var code = ARM64.Encoder()
      let register = random.numbered()
      switch random.below(7) {
      case 0: code.compareZero(register, isNotZero: random.flag(), wide: random.flag(), random.distance(19))
      case 1:
        code.testBit(register, UInt8(random.below(64)), isSet: random.flag(), random.distance(14))
      case 2: code.branch(ARM64.Condition.allCases[random.below(16)], random.distance(19))
      case 3: code.loadLiteral(ARM64.Literal.allCases[random.below(7)], register.number8, random.distance(19))
      case 4: code.address(register, random.number((1 << 21) - 1) - (1 << 20))
      case 5: code.addressOfPage(register, random.number((1 << 21) - 1) - (1 << 20))
      default: if random.flag() { code.call(random.distance(26)) } else { code.jump(random.distance(26)) }
      }
      let address: Address = 0x7f00_0000_0000 &+ (random.next() & 0xffff_fffc)
      let span: UInt64 = [1 << 16, 1 << 21, 1 << 28, 1 << 34, 1 << 46][random.below(5)]
      let destination = (address &+ random.next() % span) & ~3
      guard let original = ARM64.Decoder().decode(code.bytes, at: address) else { return }
      if let target = original.relativeTarget, target == address { continue }
      switch relocate(code.bytes, address, destination) {
      case .success(let result):
        let effect = ARM64Effect(result.bytes, at: destination)
        let wanted = ARM64Effect(code.bytes, at: address)
        #expect(effect == wanted, "\(original.kind) to \(String(destination, radix: 16)): \(effect)")
        moved += 1
      case .failure(let error):
        guard case .outOfRange = error.reason else { throw error }
        refused += 1
        let distance = Int64(bitPattern: (original.relativeTarget ?? 0) &- destination)
        #expect(abs(distance) >= 1 << 20, "\(original.kind): \(error)")
      }
    }
    #expect(moved > 60_000 && refused > 5000)
    print("arm64 relocator: \(moved) moved, \(refused) out of range")
  }

  @Test("of bytes that are no code, and at the ends of the address space, something is said")
  func garbage() throws {
    var random = Randomness(seed: 0x6a7b)
    var moved = 0
    for _ in 0..<50_000 {
      let code = (0..<random.below(24)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      let addresses: [Address] = [0, 4, 0x1000, ~3, ~7, 1 << 63, random.next() & ~3]
      let address = addresses[random.below(7)]
      let destination = addresses[random.below(7)]
      do throws(RelocationError) {
        let result = try ARM64.Relocator().relocate(
          code, at: address, to: destination, minimumCount: 4 * random.below(4))
        #expect(result.originalCount <= code.count && result.bytes.count % 4 == 0)
        moved += 1
      } catch {
        #expect(!error.description.isEmpty)
      }
    }
    #expect(moved > 1000)
  }
}

extension ARM64.Register {
  var number8: UInt8 { UInt8(truncatingIfNeeded: number) }
}
