package import ApusCore

extension ARM64 {
  /// One decoded instruction.
  package struct Instruction: Sendable, Hashable {
    /// What it is, as far as that matters for moving it, and for following the stack and the link register.
    package enum Kind: Sendable, Hashable {
      /// Refers to nothing relative to its own place, and goes on with the next.
      case other
      /// The space of hints: no-operations, landing pads, pointer authentication of the link register.
      case hint(UInt8)
      /// `mov` between two 64-bit registers.
      case move(Register, Register)
      /// Adds to the stack pointer: `add`, `sub`, and loads and stores that write their base back.
      case stack(Int32)
      /// `adr`, `adrp`.
      case address(Register, Address, isPage: Bool)
      /// A load from an address relative to its own place; the register's number, of vectors too.
      case literal(Literal, UInt8, Address)
      case jump(Address)
      case call(Address)
      case branch(Condition, Address)
      /// `cbz`, `cbnz`.
      case compareZero(Register, isNotZero: Bool, wide: Bool, Address)
      /// `tbz`, `tbnz`.
      case testBit(Register, UInt8, isSet: Bool, Address)
      /// `br`, and its forms that authenticate.
      case jumpRegister(Register)
      /// `blr`, and its forms that authenticate.
      case callRegister(Register)
      /// `ret`, and its forms that authenticate.
      case `return`(Register)
      /// `brk`, `hlt`, `udf` and what else stops a program.
      case trap
      /// Not known here, or depends on the place in a way that is not.
      case unknown
    }
    /// Where it stands.
    package var address: Address
    package var word: UInt32
    package var kind: Kind

    /// The address after it.
    package var next: Address { address &+ UInt64(instructionSize) }

    /// The address that it names relative to its own.
    package var relativeTarget: Address? {
      switch kind {
      case .address(_, let target, _), .literal(_, _, let target), .jump(let target), .call(let target),
        .branch(_, let target), .compareZero(_, _, _, let target), .testBit(_, _, _, let target):
        target
      default: nil
      }
    }
    /// Whether control never goes on to the next instruction.
    package var endsPath: Bool {
      switch kind {
      case .jump, .jumpRegister, .return, .trap: true
      case .branch(let condition, _): condition.inverted == nil
      default: false
      }
    }
    /// Whether it calls, so that control comes back behind it.
    package var isCall: Bool {
      switch kind {
      case .call, .callRegister: true
      default: false
      }
    }
    /// Whether it is one of the no-operations that compilers pad with.
    package var isNoOperation: Bool { kind == .hint(Hint.noOperation.rawValue) }
    /// Whether an indirect call may land on it (Arm ARM, D8.4, branch target identification): `bti c`, `bti jc`, and
    /// `paciasp` and `pacibsp`, which imply it.
    package var isLandingPad: Bool {
      guard case .hint(let number) = kind, let hint = Hint(rawValue: number) else { return false }
      switch hint {
      case .targetCall, .targetCallJump, .signLinkA, .signLinkB: return true
      default: return false
      }
    }

    /// For messages.
    package var text: String {
      let bits = String(word, radix: 16)
      let code = "0x" + String(repeating: "0", count: 8 - bits.count) + bits
      guard let target = relativeTarget else { return code }
      return "\(code) (to 0x\(String(target, radix: 16)))"
    }
  }
}
