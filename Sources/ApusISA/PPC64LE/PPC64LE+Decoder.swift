package import ApusCore

extension PPC64LE {
  /// One decoded instruction: four bytes.
  package struct Instruction: Sendable, Hashable {
    /// What it does to the flow of control.
    package enum Flow: Sendable, Hashable {
      /// Goes on with the next instruction.
      case next
      /// An unconditional branch to an address, or through a register (nil).
      case jump(Address?)
      /// A conditional branch to an address, or through the count or target register (nil), by the operands BO and BI.
      case branch(options: UInt32, bit: UInt32, Address?)
      /// A branch that sets the link register, conditional or not; nil: through a register.
      case call(Address?)
      /// `blr`, or a conditional one.
      case `return`(isConditional: Bool)
      /// `trap`.
      case trap
      /// `rfid` and others of the kernel's, `tbegin.`: what these do depends on where they stand, or is not for programs.
      case special
    }

    /// What it does besides, as far as whoever reads a function's first instructions wants to know.
    package enum Effect: Sendable, Hashable {
      /// `ori 0,0,0`.
      case noOperation
      /// `mflr register`.
      case moveFromLink(Register)
      /// `mtlr register`.
      case moveToLink(Register)
      /// `stdu r1,n(r1)` or `addi r1,r1,n`: the stack pointer moves by n.
      case moveStack(Int16)
      /// `std register,n(r1)`.
      case storeToStack(Register, Int16)
      /// `addis r2,r12,n` or `addi r2,r2,n`: a function's global entry sets up r2 (ELFv2 ABI, 2.3.2.1).
      case setUpTOC
      /// `addpcis register,n`: this address is put into the register.
      case addressOf(Register, Address)
      /// Any other: it does not depend on where it stands.
      case other
    }

    /// Where it stands.
    package var address: Address
    package var word: UInt32
    package var flow: Flow
    package var effect: Effect

    /// How many bytes it takes.
    package var count: Int { 4 }
    /// The address after it.
    package var next: Address { address &+ 4 }
    /// The bits that are set if a branch puts the next address into the link register, and if its target is not relative.
    var isLinking: Bool { word & 1 != 0 }
    var isAbsolute: Bool { word & 2 != 0 }

    /// Whether control never goes on to the next instruction.
    package var endsPath: Bool {
      switch flow {
      case .jump, .return(isConditional: false), .trap, .special: true
      default: false
      }
    }

    /// The address that control may go to, if the instruction says it.
    package var target: Address? {
      switch flow {
      case .jump(let target), .call(let target): target
      case .branch(_, _, let target): target
      case .next, .return, .trap, .special: nil
      }
    }

    /// The instruction as a number; there are no mnemonics here.
    package var text: String {
      let digits = String(word, radix: 16)
      return ".long 0x" + String(repeating: "0", count: 8 - digits.count) + digits
    }
  }

  /// Why bytes could not be decoded.
  package enum DecodingError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Fewer than four bytes, or an address that is no multiple of four.
    case truncated(Address)
    case misaligned(Address)
    /// No instruction of user programs that we know: nothing is certain about it.
    case unknown(Address, UInt32)

    package var description: String {
      switch self {
      case .truncated(let address): "less than an instruction at 0x\(String(address, radix: 16))"
      case .misaligned(let address): "no instruction stands at 0x\(String(address, radix: 16))"
      case .unknown(let address, let word):
        "unknown Power instruction 0x\(String(word, radix: 16)) at 0x\(String(address, radix: 16))"
      }
    }
  }

  /// Decodes instructions as far as moving them needs it.
  ///
  /// An instruction depends on its own address only if it is a branch, links, is one of Power ISA 3.0's `addpcis`, begins a
  /// transaction, or has a prefix (3.1). All these have the primary opcodes 1, 16 to 19 and 31, where they are told apart; with
  /// the other opcodes below there is none. Whatever has a reserved primary opcode is not decoded.
  package struct Decoder: Sendable {
    package init() {}

    /// Decodes the instruction at the start of `bytes`.
    package func decode(_ bytes: some Collection<UInt8>, at address: Address) throws(DecodingError)
      -> Instruction
    {
      guard address & 3 == 0 else { throw .misaligned(address) }
      var word: UInt32 = 0
      var count = 0
      for byte in bytes.prefix(4) {
        word |= UInt32(byte) << UInt32(8 * count)
        count += 1
      }
      guard count == 4 else { throw .truncated(address) }
      return try decode(word, at: address)
    }

    /// Decodes all of `bytes`, one instruction after the other.
    package func decodeAll(_ bytes: [UInt8], at address: Address) throws(DecodingError) -> [Instruction] {
      var result: [Instruction] = []
      var offset = 0
      while offset < bytes.count {
        result.append(try decode(bytes[offset...], at: address &+ UInt64(offset)))
        offset += 4
      }
      return result
    }

    /// Decodes an instruction.
    package func decode(_ word: UInt32, at address: Address) throws(DecodingError) -> Instruction {
      guard let opcode = Opcode(rawValue: word >> 26) ?? Self.plain(word >> 26) else {
        throw .unknown(address, word)
      }
      var instruction = Instruction(address: address, word: word, flow: .next, effect: .other)
      let fields = Fields(word)
      switch opcode {
      case .prefix: throw .unknown(address, word)
      case .branch: instruction.flow = branch(fields, address)
      case .branchConditional: instruction.flow = branchConditional(fields, address)
      case .systemCall:
        // `sc`; `scv` (3.0) and reserved ones are not certain.
        guard word & 3 == 2 else { throw .unknown(address, word) }
      case .extended19:
        guard let code = Extended19(rawValue: fields.extended) ?? fields.addNext else {
          throw .unknown(address, word)
        }
        instruction.flow = flow(code, fields)
        if code == .addNextShifted {
          let distance = UInt64(bitPattern: Int64(fields.addNextValue) << 16)
          instruction.effect = .addressOf(fields.first, instruction.next &+ distance)
        }
      case .extended31:
        instruction.flow = flow31(fields)
        instruction.effect = effect31(fields)
      case .addImmediate, .addImmediateShifted, .orImmediate, .storeDouble:
        instruction.effect = effect(opcode, fields)
      default: break
      }
      return instruction
    }

    /// D forms that need no names of their own.
    private static func plain(_ opcode: UInt32) -> Opcode? {
      (32...55).contains(opcode) ? .storeFloatDoubleUpdate : nil
    }

    private func branch(_ fields: Fields, _ address: Address) -> Instruction.Flow {
      let distance = Int64(Int32(bitPattern: fields.word << 6) >> 6) & ~3
      let target = (fields.word & 2 != 0 ? 0 : address) &+ UInt64(bitPattern: distance)
      return fields.word & 1 != 0 ? .call(target) : .jump(target)
    }

    private func branchConditional(_ fields: Fields, _ address: Address) -> Instruction.Flow {
      let distance = Int64(fields.low & ~3)
      let target = (fields.word & 2 != 0 ? 0 : address) &+ UInt64(bitPattern: distance)
      if fields.word & 1 != 0 { return .call(target) }
      return fields.isAlways ? .jump(target) : .branch(options: fields.options, bit: fields.bit, target)
    }

    private func flow(_ code: Extended19, _ fields: Fields) -> Instruction.Flow {
      switch code {
      case .branchToLink, .branchToCount, .branchToTarget:
        if fields.word & 1 != 0 { return .call(nil) }
        if code == .branchToLink { return .return(isConditional: !fields.isAlways) }
        return fields.isAlways ? .jump(nil) : .branch(options: fields.options, bit: fields.bit, nil)
      default: return .next
      }
    }

    private func flow31(_ fields: Fields) -> Instruction.Flow {
      switch Extended31(rawValue: fields.extended) {
      // What fails in a transaction goes back to the instruction after this (book II, 5.5).
      case .transactionBegin: .special
      case .trapWord where fields.options == 31 && fields.first == .r31: .trap
      default: .next
      }
    }

    private func effect31(_ fields: Fields) -> Instruction.Effect {
      let isLink = fields.special == SpecialRegister.link.rawValue
      switch Extended31(rawValue: fields.extended) {
      case .moveFromSpecial where isLink: return .moveFromLink(fields.first)
      case .moveToSpecial where isLink: return .moveToLink(fields.first)
      default: return .other
      }
    }

    private func effect(_ opcode: Opcode, _ fields: Fields) -> Instruction.Effect {
      switch (opcode, fields.first, fields.second) {
      case (.orImmediate, .r0, .r0) where fields.low == 0: return .noOperation
      case (.addImmediate, .r1, .r1): return .moveStack(fields.low)
      case (.addImmediate, .r2, .r2), (.addImmediateShifted, .r2, .r12): return .setUpTOC
      case (.storeDouble, .r1, .r1) where fields.word & 3 == 1: return .moveStack(fields.low & ~3)
      case (.storeDouble, let source, .r1) where fields.word & 3 == 0:
        return .storeToStack(source, fields.low)
      default: return .other
      }
    }
  }

  /// The fields of an instruction word, as several formats have them.
  struct Fields {
    let word: UInt32
    init(_ word: UInt32) { self.word = word }

    /// Bits 6 to 10.
    var first: Register { Register(rawValue: UInt8(truncatingIfNeeded: word >> 21 & 31)) ?? .r0 }
    /// Bits 11 to 15.
    var second: Register { Register(rawValue: UInt8(truncatingIfNeeded: word >> 16 & 31)) ?? .r0 }
    /// BO.
    var options: UInt32 { word >> 21 & 31 }
    /// BI.
    var bit: UInt32 { word >> 16 & 31 }
    /// BO asks neither for a condition nor for the count.
    var isAlways: Bool { options & 20 == 20 }
    /// The low half, signed.
    var low: Int16 { Int16(truncatingIfNeeded: word) }
    /// Bits 21 to 30.
    var extended: UInt32 { word >> 1 & 0x3ff }
    /// The number of a special register, whose halves are exchanged.
    var special: UInt16 { UInt16(truncatingIfNeeded: (word >> 16 & 31) | (word >> 11 & 31) << 5) }
    /// DX form: the extended opcode has five bits only.
    var addNext: Extended19? {
      word >> 1 & 31 == Extended19.addNextShifted.rawValue ? .addNextShifted : nil
    }
    /// DX form: d0, d1 and d2 (bits 16 to 25, 11 to 15, 31).
    var addNextValue: Int16 {
      Int16(truncatingIfNeeded: word & 0xffc0 | (word >> 16 & 31) << 1 | word & 1)
    }
  }
}
