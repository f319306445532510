import ApusCore
import ApusISA
import Testing

@Suite("x86_64 relocator")
struct X86_64RelocatorTests {
  static let address: Address = 0x40_0000
  static let destination: Address = 0x50_0000

  struct Case: Sendable {
    var text: String
    var code: [UInt8]
    var expected: [UInt8]
    var count: Int
    var continues: Bool
    var minimum = 5
  }

  static let cases: [Case] = [
    // push rbp; mov rbp, rsp; sub rsp, 16
    Case(
      text: "plain prologue", code: [0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x10],
      expected: [0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x10], count: 8, continues: true),
    Case(
      text: "endbr64 and one more", code: [0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0x90],
      expected: [0xf3, 0x0f, 0x1e, 0xfa, 0x55], count: 5, continues: true),
    // mov eax, [rip + 0x10]: the distance shrinks by 0x100000.
    Case(
      text: "rip-relative load", code: [0x8b, 0x05, 0x10, 0, 0, 0, 0xc3],
      expected: [0x8b, 0x05, 0x10, 0x00, 0xf0, 0xff], count: 6, continues: true),
    // cmp dword ptr [rip + 0x10], 5: an immediate follows the displacement.
    Case(
      text: "rip-relative with immediate", code: [0x83, 0x3d, 0x10, 0, 0, 0, 5, 0xc3],
      expected: [0x83, 0x3d, 0x10, 0x00, 0xf0, 0xff, 5], count: 7, continues: true),
    // test edi, edi; je +0x20; ...
    Case(
      text: "short branch becomes near", code: [0x85, 0xff, 0x74, 0x20, 0x90, 0x90],
      expected: [0x85, 0xff, 0x0f, 0x84, 0x1c, 0x00, 0xf0, 0xff, 0x90], count: 5, continues: true),
    Case(
      text: "near branch", code: [0x0f, 0x85, 0x00, 0x01, 0, 0],
      expected: [0x0f, 0x85, 0x00, 0x01, 0xf0, 0xff], count: 6, continues: true),
    Case(
      text: "call", code: [0xe8, 0x00, 0x10, 0, 0], expected: [0xe8, 0x00, 0x10, 0xf0, 0xff], count: 5,
      continues: true),
    Case(
      text: "short tail jump and padding", code: [0xeb, 0x40, 0xcc, 0xcc, 0xcc],
      expected: [0xe9, 0x3d, 0x00, 0xf0, 0xff], count: 5, continues: false),
    Case(
      text: "jump through memory", code: [0xff, 0x25, 0x00, 0x20, 0, 0],
      expected: [0xff, 0x25, 0x00, 0x20, 0xf0, 0xff], count: 6, continues: false),
    Case(
      text: "lone ret and a long no-operation",
      code: [0xc3, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0, 0x90], expected: [0xc3], count: 11,
      continues: false),
    Case(
      text: "endbr64, ret, zeros", code: [0xf3, 0x0f, 0x1e, 0xfa, 0xc3, 0, 0, 0],
      expected: [0xf3, 0x0f, 0x1e, 0xfa, 0xc3], count: 5, continues: false),
    Case(
      text: "endbr64, ret, 8 wanted",
      code: [0xf3, 0x0f, 0x1e, 0xfa, 0xc3, 0x0f, 0x1f, 0x00], expected: [0xf3, 0x0f, 0x1e, 0xfa, 0xc3],
      count: 8, continues: false, minimum: 8),
    // jmp to the function's own start stays a jump there.
    Case(
      text: "loop to the start", code: [0x90, 0x90, 0x90, 0xeb, 0xfb],
      expected: [0x90, 0x90, 0x90, 0xe9, 0xf8, 0xff, 0xef, 0xff], count: 5, continues: false),
  ]

  @Test("moves instructions", arguments: cases)
  func moves(_ example: Case) throws {
    let relocator = X86_64.Relocator(try X86_64.Decoder())
    let result = try relocator.relocate(
      example.code, at: Self.address, to: Self.destination, minimumCount: example.minimum)
    #expect(hex(result.bytes) == hex(example.expected), "\(example.text)")
    #expect(result.originalCount == example.count)
    #expect(result.continues == example.continues)
    #expect(result.relocated(0) == 0)
    if result.continues {
      #expect(result.relocated(result.originalCount) == result.bytes.count)
    }
  }

  struct Refusal: Sendable {
    var text: String
    var code: [UInt8]
    var destination = X86_64RelocatorTests.destination
    var matches: @Sendable (RelocationError.Reason) -> Bool
  }

  static let refusals: [Refusal] = [
    Refusal(text: "ret, then another function", code: [0xc3, 0x55, 0x48, 0x89, 0xe5]) {
      $0 == .tooShort(needed: 5, available: 1)
    },
    Refusal(text: "no bytes", code: []) { $0 == .tooShort(needed: 5, available: 0) },
    Refusal(text: "cut short", code: [0x55, 0x48, 0x89]) { $0 == .undecodable },
    Refusal(text: "jrcxz", code: [0xe3, 0x20, 0x90, 0x90, 0x90]) {
      if case .immovable = $0 { true } else { false }
    },
    Refusal(text: "loop", code: [0xe2, 0x20, 0x90, 0x90, 0x90]) {
      if case .immovable = $0 { true } else { false }
    },
    Refusal(text: "xbegin", code: [0xc7, 0xf8, 0, 1, 0, 0]) {
      if case .immovable = $0 { true } else { false }
    },
    Refusal(text: "somebody's breakpoint", code: [0xcc, 0x48, 0x89, 0xe5, 0x90]) {
      if case .immovable = $0 { true } else { false }
    },
    Refusal(text: "call with an operand-size prefix", code: [0x66, 0xe8, 0, 1, 0, 0, 0x90]) {
      if case .immovable = $0 { true } else { false }
    },
    Refusal(text: "branch into the slot", code: [0x90, 0x90, 0x90, 0x75, 0xfd]) {
      if case .branchIntoSlot(_, 0x40_0002) = $0 { true } else { false }
    },
    Refusal(text: "a later branch into the slot", code: [0x90, 0x90, 0x90, 0x90, 0x90, 0x75, 0xfd]) {
      if case .branchIntoSlot(_, 0x40_0004) = $0 { true } else { false }
    },
    Refusal(
      text: "out of range", code: [0x8b, 0x05, 0x10, 0, 0, 0],
      destination: X86_64RelocatorTests.address + (1 << 40)
    ) { if case .outOfRange(_, 0x40_0016) = $0 { true } else { false } },
  ]

  @Test("refuses what cannot be moved", arguments: refusals)
  func refuses(_ example: Refusal) throws {
    let relocator = X86_64.Relocator(try X86_64.Decoder())
    #expect("\(example.text)") {
      _ = try relocator.relocate(example.code, at: Self.address, to: example.destination)
    } throws: { error in
      guard let error = error as? RelocationError else { return false }
      return example.matches(error.reason)
    }
  }
}
