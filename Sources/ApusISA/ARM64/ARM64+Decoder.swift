package import ApusCore

extension ARM64 {
  /// Decodes instructions. What it does not know for certain is `unknown`, never `other`.
  package struct Decoder: Sendable {
    package init() {}

    /// The instruction that these bits are at an address (Arm ARM, C4.1: by bits 25 to 28).
    package func decode(_ word: UInt32, at address: Address) -> Instruction {
      let kind: Instruction.Kind =
        switch word >> 25 & 15 {
        case 0b0000: word >> 16 == 0 ? .trap : .unknown
        // Vectors of scalable length: none names its own place.
        case 0b0010: .other
        case 0b1000, 0b1001: immediate(word, address)
        case 0b1010, 0b1011: branch(word, address)
        case 0b0100, 0b0110, 0b1100, 0b1110: memory(word, address)
        case 0b0101, 0b1101: register(word)
        case 0b0111, 0b1111: .other
        default: .unknown
        }
      return Instruction(address: address, word: word, kind: kind)
    }

    /// The instruction at the start of `bytes`, or nil if there are fewer than four.
    package func decode(_ bytes: some Collection<UInt8>, at address: Address) -> Instruction? {
      var word: UInt32 = 0
      var count = 0
      for byte in bytes.prefix(4) {
        word |= UInt32(byte) << UInt32(8 * count)
        count += 1
      }
      return count == 4 ? decode(word, at: address) : nil
    }

    /// Decodes all of `bytes`, one instruction after the other; what is left over of an incomplete one is not shown.
    package func decodeAll(_ bytes: [UInt8], at address: Address) -> [Instruction] {
      stride(from: 0, to: bytes.count - bytes.count % 4, by: 4).compactMap {
        decode(bytes[$0...], at: address &+ UInt64($0))
      }
    }

    // MARK: Fields

    private func low(_ word: UInt32) -> UInt32 { word & 31 }
    private func middle(_ word: UInt32) -> UInt32 { word >> 5 & 31 }

    /// The signed field of `width` bits at bit `shift`.
    private func signed(_ word: UInt32, _ shift: UInt32, _ width: UInt32) -> Int64 {
      Int64(Int32(bitPattern: word << (32 - shift - width)) >> Int32(32 - width))
    }
    /// The target of a branch whose distance in instructions is that field.
    private func target(_ word: UInt32, _ shift: UInt32, _ width: UInt32, _ address: Address) -> Address {
      address &+ UInt64(bitPattern: signed(word, shift, width) << 2)
    }

    // MARK: Groups

    /// Data processing with an immediate (C4.1.86).
    private func immediate(_ word: UInt32, _ address: Address) -> Instruction.Kind {
      switch word >> 23 & 7 {
      case 0b000, 0b001:
        let value = signed(word, 5, 19) << 2 | Int64(word >> 29 & 3)
        let register = Register(number: low(word))
        guard word >> 31 == 1 else {
          return .address(register, address &+ UInt64(bitPattern: value), isPage: false)
        }
        let page = address & ~0xfff
        return .address(register, page &+ UInt64(bitPattern: value << 12), isPage: true)
      case 0b010:
        // sf = 1 and S = 0: only then can 31 be the 64-bit stack pointer as the destination.
        guard word >> 31 == 1, word >> 29 & 1 == 0 else { return .other }
        let value = Int32(word >> 10 & 0xfff) << (word >> 22 & 1 == 1 ? 12 : 0)
        if low(word) == 31, middle(word) == 31 { return .stack(word >> 30 & 1 == 1 ? -value : value) }
        if value == 0, low(word) == 31 || middle(word) == 31 {
          return .move(Register(base: low(word)), Register(base: middle(word)))
        }
        return .other
      // The extract group also has forms that authenticate with the program counter.
      case 0b111: return word >> 29 & 3 == 0 ? .other : .unknown
      default: return .other
      }
    }

    /// Branches, exceptions and system instructions (C4.1.87).
    private func branch(_ word: UInt32, _ address: Address) -> Instruction.Kind {
      switch word >> 26 & 0x1f {
      case 0b00101:
        let target = target(word, 0, 26, address)
        return word >> 31 == 1 ? .call(target) : .jump(target)
      default: break
      }
      switch word >> 25 & 0x3f {
      case 0b011010:
        return .compareZero(
          Register(number: low(word)), isNotZero: word >> 24 & 1 == 1, wide: word >> 31 == 1,
          target(word, 5, 19, address))
      case 0b011011:
        let bit = UInt8(word >> 19 & 31 | (word >> 31) << 5)
        return .testBit(
          Register(number: low(word)), bit, isSet: word >> 24 & 1 == 1, target(word, 5, 14, address))
      default: break
      }
      switch word >> 24 {
      case 0x54:
        guard word >> 4 & 1 == 0, let condition = Condition(rawValue: UInt8(word & 15)) else {
          return .unknown
        }
        return .branch(condition, target(word, 5, 19, address))
      case 0xd4: return word & 0xffe0_001f == 0xd400_0001 ? .other : .trap
      case 0xd5: return system(word)
      case 0xd6, 0xd7: return branchRegister(word)
      default: return .unknown
      }
    }

    /// Hints, barriers, system registers and operations.
    private func system(_ word: UInt32) -> Instruction.Kind {
      guard word >> 22 & 3 == 0 else { return .unknown }
      guard word >> 19 & 3 == 0 else { return .other }
      guard word >> 21 & 1 == 0 else { return .unknown }
      switch word >> 12 & 15 {
      case 2:
        guard word & 0xffff_f01f == Opcode.hint.rawValue else { return .unknown }
        let number = UInt8(word >> 5 & 127)
        // Hint 39 makes the next pointer authentication take the program counter in.
        return number == 39 ? .unknown : .hint(number)
      case 3, 4: return .other
      default: return .unknown
      }
    }

    /// Unconditional branches to a register (C4.1.87).
    private func branchRegister(_ word: UInt32) -> Instruction.Kind {
      guard word >> 16 & 31 == 31 else { return .unknown }
      let register = Register(number: middle(word))
      let plain = word >> 10 & 63 == 0 && low(word) == 0
      let authenticated = word >> 11 & 31 == 1
      let authenticatedZero = authenticated && low(word) == 31
      switch word >> 21 & 15 {
      case 0b0000 where plain || authenticatedZero: return .jumpRegister(register)
      case 0b0001 where plain || authenticatedZero: return .callRegister(register)
      case 0b0010 where plain: return .return(register)
      case 0b0010 where authenticatedZero && register == .zero: return .return(.link)
      case 0b0100, 0b0101: return .trap
      case 0b1000 where authenticated: return .jumpRegister(register)
      case 0b1001 where authenticated: return .callRegister(register)
      default: return .unknown
      }
    }

    /// Loads and stores (C4.1.88).
    private func memory(_ word: UInt32, _ address: Address) -> Instruction.Kind {
      let isVector = word >> 26 & 1 == 1
      let size = word >> 30
      switch (word >> 27 & 7, word >> 24 & 3) {
      case (0b011, 0b00):
        let literals: [Literal] =
          isVector ? [.vector4, .vector8, .vector16] : [.word, .doubleword, .signedWord, .prefetch]
        guard Int(size) < literals.count else { return .unknown }
        return .literal(literals[Int(size)], UInt8(low(word)), target(word, 5, 19, address))
      case (0b101, _) where middle(word) == 31 && word >> 23 & 1 == 1:
        // Pairs that write the base back; the scale is that of what is moved (and of tags, which is 16 bytes).
        let isTag = !isVector && size == 1 && word >> 22 & 1 == 0
        let scale: Int64 = isVector ? Int64(size) + 2 : isTag ? 4 : size == 2 ? 3 : 2
        return .stack(Int32(signed(word, 15, 7) << scale))
      case (0b111, 0b00) where middle(word) == 31 && word >> 21 & 1 == 0 && word >> 10 & 1 == 1:
        return .stack(Int32(signed(word, 12, 9)))
      // Authenticated loads: the sign stands apart from the number, whose unit is 8 bytes.
      case (0b111, 0b00)
      where middle(word) == 31 && word >> 30 == 3 && !isVector && word >> 10 & 0x803 == 0x803:
        return .stack((Int32(word >> 12 & 0x1ff) - (word >> 22 & 1 == 1 ? 512 : 0)) * 8)
      default: return .other
      }
    }

    /// Data processing with registers (C4.1.90).
    private func register(_ word: UInt32) -> Instruction.Kind {
      if word & 0xffe0_ffe0 == Logical.or.rawValue | Register.zero.number << 5 {
        return .move(Register(number: low(word)), Register(number: word >> 16))
      }
      // One source: pointer authentication up to XPACD; what is above takes the program counter in.
      if word & 0x7fe0_0000 == 0x5ac0_0000, word >> 16 & 31 != 0 {
        return word >> 16 & 31 == 1 && word >> 10 & 63 <= 0b010001 ? .other : .unknown
      }
      return .other
    }
  }
}
