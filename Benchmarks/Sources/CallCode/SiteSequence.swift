import ApusCore
import ApusISA
import ApusProbe

/// What may stand at an arm64 function's beginning to lead to a trampoline; the first is what call sites have by default, the second
/// what those of shared stubs have, the others are what else has been proposed.
enum SiteSequence: String, Sendable, CaseIterable {
  /// `b stub; nop`: a stub for each function.
  case branch = "b"
  /// `mov x9, x30; bl stub`.
  case pair = "mov, bl"
  /// `stp x29, x30, [sp, #-16]!; mov x29, sp; bl stub; ldp x29, x30, [sp], #16`.
  case frame = "stp, mov, bl, ldp"
  /// `mov x9, x30; bl stub; mov x30, x9`.
  case link = "mov, bl, mov"

  /// The sequence, enabled or not (`stub` nil), at an address.
  func code(at address: Address, stub: Address?) -> [UInt8] {
    var code = ARM64.Encoder()
    func branch(_ call: Bool) {
      guard let stub else { return code.hint(.noOperation) }
      let distance = Int(Int64(bitPattern: stub &- address)) - code.count
      if call { code.call(distance) } else { code.jump(distance) }
    }
    switch self {
    case .branch:
      branch(false)
      code.hint(.noOperation)
    case .pair:
      code.move(.x9, .x30)
      branch(true)
    case .frame:
      code.storePair(.x29, .x30, .sp, -16, .before)
      code.add(.x29, .sp, 0)
      branch(true)
      code.loadPair(.x29, .x30, .sp, 16, .after)
    case .link:
      code.move(.x9, .x30)
      branch(true)
      code.move(.x30, .x9)
    }
    return code.bytes
  }

  /// The bytes up to where the stub returns; nil: it knows the body.
  private var returnOffset: Int? {
    switch self {
    case .branch: nil
    case .pair, .link: 8
    case .frame: 12
    }
  }

  /// Bytes from the pointer to the ops, which is right before the sequence, to where the stub returns.
  var opsDistance: Int { 8 + (returnOffset ?? 0) }
  /// Where the stub goes on, from the sequence's start: only stubs of one function must know.
  static let bodyOffset = ARM64.instructionSize

  /// What the stub is made for.
  func function(_ number: UInt32) -> StubFunction {
    self == .branch ? .one(number) : .many(opsDistance: opsDistance)
  }

  /// A stub's program for this sequence. Behind the last two it returns to the sequence, as the link register says, and need not give
  /// back what the sequence itself does.
  func adapted(_ program: ProbeProgram) -> ProbeProgram {
    guard self == .frame || self == .link else { return program }
    var program = program
    program.role = .stub
    program.instructions = program.instructions.flatMap { instruction -> [ProbeInstruction] in
      switch instruction {
      case .siteOps(let d):
        [.loadReturnAddress(d), .load(d, ProbeAddress(d, Int32(-opsDistance)), .eight)]
      case .jumpBody: [.leave]
      default: [instruction]
      }
    }
    return program
  }
}
