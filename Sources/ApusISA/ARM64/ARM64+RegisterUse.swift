extension ARM64 {
  /// What an instruction does with the general registers x0 to x30, as bits.
  package struct RegisterUse: Sendable, Hashable {
    /// Those that it may read: never too few.
    package var reads: UInt32 = 0
    /// Those that it overwrites whole, whatever was in them: never too many.
    package var writes: UInt32 = 0
  }
}

extension ARM64.Instruction {
  private func bit(_ shift: UInt32) -> UInt32 {
    let number = word >> shift & 31
    return number == 31 ? 0 : 1 << number
  }
  private var d: UInt32 { bit(0) }
  private var n: UInt32 { bit(5) }
  private var a: UInt32 { bit(10) }
  private var m: UInt32 { bit(16) }

  /// What it does with general registers, by the classes of Arm ARM, C4.1; nil: not known here. A system call is not known: it
  /// depends on the kernel.
  package var registerUse: ARM64.RegisterUse? {
    switch word >> 25 & 15 {
    case 0b1000, 0b1001: immediateUse
    case 0b1010, 0b1011: branchUse
    case 0b0100, 0b0110, 0b1100, 0b1110: memoryUse
    case 0b0101, 0b1101: registerUseOfData
    // What vectors' instructions name of general registers stands in these fields.
    case 0b0111, 0b1111: .init(reads: n | m)
    default: nil
    }
  }

  /// Data processing with an immediate (C4.1.86).
  private var immediateUse: ARM64.RegisterUse? {
    let operation = word >> 29 & 3
    switch word >> 23 & 7 {
    case 0b000, 0b001: return .init(writes: d)
    case 0b010, 0b011, 0b100: return .init(reads: n, writes: d)
    // movk keeps the rest of the register.
    case 0b101: return .init(reads: operation == 0b11 ? d : 0, writes: operation == 0b11 ? 0 : d)
    // bfm keeps the bits around.
    case 0b110: return .init(reads: operation == 0b01 ? n | d : n, writes: operation == 0b01 ? 0 : d)
    default: return operation == 0 ? .init(reads: n | m, writes: d) : nil
    }
  }

  /// Data processing with registers (C4.1.90).
  private var registerUseOfData: ARM64.RegisterUse? {
    switch word >> 24 & 31 {
    case 0b01010, 0b01011: return .init(reads: n | m, writes: d)
    case 0b11011: return .init(reads: n | m | a, writes: d)
    case 0b11010: break
    default: return nil
    }
    switch word >> 21 & 7 {
    // Sums with carry; the others of the group write flags only.
    case 0b000: return word >> 10 & 63 == 0 ? .init(reads: n | m, writes: d) : .init(reads: n | m | d)
    // Comparisons: the lowest bits are flags.
    case 0b010: return .init(reads: n | m)
    case 0b100: return .init(reads: n | m, writes: d)
    // Of one source the field of the second is a number; where it is not 0, what is in the destination may count.
    case 0b110:
      guard word >> 30 & 1 == 1 else { return .init(reads: n | m, writes: d) }
      return word >> 16 & 31 == 0 ? .init(reads: n, writes: d) : .init(reads: n | d)
    default: return nil
    }
  }

  /// Branches, exceptions and system instructions (C4.1.87).
  private var branchUse: ARM64.RegisterUse? {
    switch kind {
    case .jump, .call, .branch: return .init()
    case .compareZero, .testBit: return .init(reads: d)
    case .jumpRegister, .callRegister, .return: return .init(reads: n | d)
    // Hints name no register but x16, x17 and x30.
    case .hint: return .init(reads: 1 << 16 | 1 << 17 | 1 << 30)
    case .other where word >> 22 == 0x354: return .init(reads: d)  // barriers and system registers
    default: return nil
    }
  }

  /// Loads and stores (C4.1.88).
  private var memoryUse: ARM64.RegisterUse? {
    let isVector = word >> 26 & 1 == 1
    let operation = word >> 22 & 3
    switch (word >> 27 & 7, word >> 24 & 3) {
    // Literals; prefetches have a number in the register's place.
    case (0b011, 0b00): return .init(writes: isVector || word >> 30 == 3 ? 0 : d)
    case (0b101, _):
      if isVector { return .init(reads: n) }
      return operation & 1 == 1 ? .init(reads: n, writes: d | a) : .init(reads: n | d | a)
    case (0b111, _):
      let hasOffset = word >> 24 & 1 == 1
      if isVector { return .init(reads: hasOffset ? n : n | m) }
      if !hasOffset, word >> 21 & 1 == 1, word >> 10 & 3 != 0b10 {
        // Eight registers at a time (ST64B and its kin).
        if word >> 10 & 3 == 0, word >> 15 & 1 == 1, word >> 12 & 3 != 0 { return nil }
        return .init(reads: n | m | d)  // atomic operations and authenticated loads
      }
      let index = !hasOffset && word >> 21 & 1 == 1 ? m : 0
      let isPrefetch = word >> 30 == 3 && operation == 2
      if isPrefetch { return .init(reads: n | index) }
      return operation == 0 ? .init(reads: n | d | index) : .init(reads: n | index, writes: d)
    // Structures of vectors.
    case (0b001, _) where isVector: return .init(reads: n | m)
    default: return nil
    }
  }
}
