import ApusISA
import ApusProbe

extension PPC64LELowering {
  /// A 33-bit number as up to two numbers to be shifted left by 16, and a signed 16-bit one (`addis`, `addis`, `addi`).
  /// Nearly always the second is zero.
  static func split(_ value: Int64) -> (first: Int16, second: Int16, low: Int16) {
    let low = Int16(truncatingIfNeeded: value)
    let high = (value - Int64(low)) >> 16
    // 2^31, and what is so near below it that its lower half is negative.
    if high == 0x8000 { return (0x4000, 0x4000, low) }
    return (Int16(truncatingIfNeeded: high), 0, low)
  }

  /// Whether an access needs no register for its address. The DS forms, of 8-byte accesses, want multiples of 4.
  static func isNear(_ place: ProbeAddress, _ width: ProbeWidth) -> Bool {
    Int16(exactly: place.offset) != nil && (width != .eight || place.offset & 3 == 0)
  }

  /// `destination = source + value`, without a carry; neither is r0.
  ///
  /// - Parameter isConstant: whether the value is a constant that can be replaced.
  mutating func add(
    _ destination: Register, _ source: Register, _ value: Int64, isConstant: Bool = false
  ) {
    let (first, second, low) = Self.split(value)
    let start = mark
    var source = source
    for high in [first, second] where high != 0 {
      code.addImmediateShifted(destination, source, high)
      source = destination
    }
    if low != 0 || source != destination { code.addImmediate(destination, source, low) }
    if isConstant, first != 0, second == 0, low != 0 {
      constants.append((start, .powerAdded32, UInt64(bitPattern: value)))
    }
  }

  /// Memory for an access of this width; a far address goes through `scratch`.
  mutating func memory(
    _ address: ProbeAddress, _ width: ProbeWidth, through scratch: Register = PPC64LEFrame.address
  ) -> Memory {
    let base = machine(address.base)
    let (first, second, low) = Self.split(Int64(address.offset))
    guard !Self.isNear(address, width) else { return Memory(base, low) }
    let isKept = scratch == PPC64LEFrame.address
    if width == .eight, low & 3 != 0 {
      if isKept { near = nil }
      add(scratch, base, Int64(address.offset))
      return Memory(scratch)
    }
    let wanted = NearAddress(base: base, high: Int64(address.offset) - Int64(low))
    if isKept, near == wanted { return Memory(scratch, low) }
    code.addImmediateShifted(scratch, base, first)
    if second != 0 { code.addImmediateShifted(scratch, scratch, second) }
    if isKept { near = wanted }
    return Memory(scratch, low)
  }

  /// A register that holds an address, as the reserving forms want it.
  mutating func pointer(_ address: ProbeAddress) -> Register {
    guard address.offset != 0 else { return machine(address.base) }
    near = nil
    add(PPC64LEFrame.address, machine(address.base), Int64(address.offset))
    return PPC64LEFrame.address
  }

  /// The value of an operand in a register, which for all but registers is the one for operands.
  mutating func value(_ operand: ProbeOperand) -> Register {
    switch operand {
    case .register(let register): return machine(register)
    case .immediate(let value): constant(PPC64LEFrame.operand, UInt64(bitPattern: Int64(value)))
    case .memory(let address):
      code.load(PPC64LEFrame.operand, memory(address, .eight, through: PPC64LEFrame.operand), .eight)
    }
    return PPC64LEFrame.operand
  }

  /// The shortest way to a constant.
  mutating func constant(_ d: Register, _ value: UInt64) {
    let start = mark
    code.constant(d, value)
    switch (code.count - start.position) / 4 {
    case 2 where Int32(exactly: Int64(bitPattern: value)) != nil:
      constants.append((start, .powerHalves32, value))
    case 5: constants.append((start, .powerParts64, value))
    default: break
    }
  }
}
