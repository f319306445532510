extension X86_64 {
  /// Writes machine code: one method for each instruction form that trampolines use, 64 bits wide unless it
  /// says otherwise.
  package struct Encoder: Sendable {
    /// The code so far.
    package private(set) var bytes: [UInt8] = []

    /// An encoder that has written nothing.
    package init() {}
    /// Forgets what was written but keeps the storage.
    package mutating func reset() { bytes.removeAll(keepingCapacity: true) }
    /// Makes room for at least `count` bytes.
    package mutating func reserve(_ count: Int) { bytes.reserveCapacity(count) }
    /// How many bytes were written.
    package var count: Int { bytes.count }

    // MARK: Parts of instructions

    mutating func byte(_ value: UInt8) { bytes.append(value) }

    mutating func emit(_ code: some Collection<UInt8>) { bytes.append(contentsOf: code) }

    mutating func immediate8(_ value: Int8) { bytes.append(UInt8(bitPattern: value)) }

    mutating func immediate32(_ value: Int32) {
      let word = UInt32(bitPattern: value)
      bytes.append(UInt8(truncatingIfNeeded: word))
      bytes.append(UInt8(truncatingIfNeeded: word >> 8))
      bytes.append(UInt8(truncatingIfNeeded: word >> 16))
      bytes.append(UInt8(truncatingIfNeeded: word >> 24))
    }

    mutating func immediate64(_ value: UInt64) {
      immediate32(Int32(truncatingIfNeeded: value))
      immediate32(Int32(truncatingIfNeeded: value >> 32))
    }

    mutating func opcode(_ value: UInt16) {
      if value > 0xff { bytes.append(UInt8(truncatingIfNeeded: value >> 8)) }
      bytes.append(UInt8(truncatingIfNeeded: value))
    }

    /// The REX prefix, if one is needed; `force` for the byte registers spl, bpl, sil and dil.
    mutating func rex(wide: Bool, reg: UInt8, rm: UInt8, force: Bool = false) {
      let bits: UInt8 = (wide ? 8 : 0) | (reg >> 3) << 2 | rm >> 3
      if bits != 0 || force { bytes.append(Prefix.rex.rawValue | bits) }
    }

    /// An instruction with a register in `r/m`.
    mutating func form(_ code: UInt16, _ reg: UInt8, _ rm: Register, wide: Bool = true) {
      rex(wide: wide, reg: reg, rm: rm.rawValue)
      opcode(code)
      bytes.append(0xc0 | (reg & 7) << 3 | rm.rawValue & 7)
    }

    /// An instruction with memory in `r/m`.
    mutating func form(
      _ code: UInt16, _ reg: UInt8, _ memory: Memory, wide: Bool = true, byteRegister: Bool = false,
      prefix: Prefix? = nil
    ) {
      let force = byteRegister && reg >= 4
      if memory.base == .threadPointer { bytes.append(Prefix.threadSegment.rawValue) }
      if let prefix { bytes.append(prefix.rawValue) }
      switch memory.base {
      case .register(let base):
        rex(wide: wide, reg: reg, rm: base.rawValue, force: force)
        opcode(code)
        operand(reg, base, memory.displacement)
      case .nextInstruction:
        rex(wide: wide, reg: reg, rm: 0, force: force)
        opcode(code)
        bytes.append((reg & 7) << 3 | 5)
        immediate32(memory.displacement)
      case .threadPointer:
        rex(wide: wide, reg: reg, rm: 0, force: force)
        opcode(code)
        bytes.append((reg & 7) << 3 | 4)
        bytes.append(0x25)
        immediate32(memory.displacement)
      }
    }

    /// An instruction with `[base + index << shift]` in `r/m`; rbp and r13 as base want a displacement.
    mutating func scaled(_ code: UInt16, _ reg: UInt8, _ base: Register, _ index: Register, _ shift: UInt8) {
      bytes.append(
        Prefix.rex.rawValue | 8 | (reg >> 3) << 2 | (index.rawValue >> 3) << 1 | base.rawValue >> 3)
      opcode(code)
      let displaced = base.rawValue & 7 == 5
      bytes.append((displaced ? 0x40 : 0) | (reg & 7) << 3 | 4)
      bytes.append(shift << 6 | (index.rawValue & 7) << 3 | base.rawValue & 7)
      if displaced { immediate8(0) }
    }

    /// ModRM, SIB and displacement of `[base + displacement]`: rsp and r12 want a SIB byte, rbp and r13 a
    /// displacement (Intel manual, volume 2, table 2-2).
    private mutating func operand(_ reg: UInt8, _ base: Register, _ displacement: Int32) {
      let low = base.rawValue & 7
      let mode: UInt8
      if displacement == 0, low != 5 {
        mode = 0
      } else if Int8(exactly: displacement) != nil {
        mode = 0x40
      } else {
        mode = 0x80
      }
      bytes.append(mode | (reg & 7) << 3 | low)
      if low == 4 { bytes.append(0x24) }
      switch mode {
      case 0x40: immediate8(Int8(truncatingIfNeeded: displacement))
      case 0x80: immediate32(displacement)
      default: break
      }
    }
  }
}
