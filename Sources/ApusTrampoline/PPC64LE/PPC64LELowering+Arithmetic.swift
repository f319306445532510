import ApusISA
import ApusProbe

extension PPC64LELowering {
  /// Which immediates of an operation need no register.
  static func isDirect(_ kind: ProbeArithmetic) -> (Int32) -> Bool {
    switch kind {
    case .add: { _ in true }
    case .or, .exclusiveOr: { $0 >= 0 }
    case .and: { Mask($0) != nil }
    case .subtract, .multiply: { Int16(exactly: $0) != nil }
    }
  }

  /// Which immediates of a comparison need no register.
  static func isDirect(_ condition: ProbeCondition) -> (Int32) -> Bool {
    switch condition {
    case .equal, .notEqual: { Int16(exactly: $0) != nil || UInt16(exactly: $0) != nil }
    case .below, .aboveOrEqual: { UInt16(exactly: $0) != nil }
    }
  }

  /// A sign-extended number whose ones stand together, as the rotating instructions have masks.
  enum Mask: Equatable {
    case none
    case all
    /// Ones from a bit of the lower half to another, counted from the half's highest.
    case word(UInt8, UInt8)
    /// Ones up to a bit, counted from the highest of 64.
    case high(UInt8)

    init?(_ value: Int32) {
      let zeros = UInt8(truncatingIfNeeded: value.trailingZeroBitCount)
      switch value {
      case 0: self = .none
      case -1: self = .all
      case ..<0:
        guard ~value & (~value &+ 1) == 0 else { return nil }
        self = .high(63 - zeros)
      default:
        let ones = value >> Int32(zeros)
        guard ones & (ones &+ 1) == 0 else { return nil }
        self = .word(UInt8(truncatingIfNeeded: value.leadingZeroBitCount), 31 - zeros)
      }
    }
  }

  mutating func arithmetic(_ kind: ProbeArithmetic, _ d: Register, _ operand: ProbeOperand) {
    let isDirect = Self.isDirect(kind)
    if case .immediate(let value) = operand, isDirect(value) {
      return arithmetic(kind, d, immediate: value)
    }
    let source = value(operand)
    switch kind {
    case .add: code.arithmetic(.add, d, d, source)
    case .subtract: code.arithmetic(.subtractFrom, d, source, d)
    case .and: code.arithmetic(.and, d, d, source)
    case .or: code.arithmetic(.or, d, d, source)
    case .exclusiveOr: code.arithmetic(.exclusiveOr, d, d, source)
    case .multiply: code.arithmetic(.multiply, d, d, source)
    }
  }

  private mutating func arithmetic(_ kind: ProbeArithmetic, _ d: Register, immediate value: Int32) {
    let (high, low) = (UInt16(truncatingIfNeeded: value >> 16), UInt16(truncatingIfNeeded: value))
    switch kind {
    case .add: add(d, d, Int64(value), isConstant: true)
    case .subtract: add(d, d, -Int64(value))
    case .or:
      logicalSite(value)
      if high != 0 { code.orImmediateShifted(d, d, high) }
      if low != 0 { code.orImmediate(d, d, low) }
    case .exclusiveOr:
      logicalSite(value)
      if high != 0 { code.exclusiveOrImmediateShifted(d, d, high) }
      if low != 0 { code.exclusiveOrImmediate(d, d, low) }
    case .and:
      switch Mask(value) {
      case .none?: code.addImmediate(d, .r0, 0)
      case .word(let first, let last)?: code.keepWord(d, d, from: first, through: last)
      case .high(let last)?: code.keepHigh(d, d, through: last)
      case .all?, nil: break
      }
    case .multiply: code.multiplyImmediate(d, d, Int16(truncatingIfNeeded: value))
    }
  }

  /// Two instructions follow with the halves of a number that is not negative.
  private mutating func logicalSite(_ value: Int32) {
    guard value >> 16 != 0, value & 0xffff != 0 else { return }
    constants.append((mark, .powerLogical32, UInt64(bitPattern: Int64(value))))
  }

  /// An unsigned comparison, or one for equality, which may as well be signed.
  mutating func compare(_ condition: ProbeCondition, _ left: Register, _ operand: ProbeOperand) {
    let isDirect = Self.isDirect(condition)
    if case .immediate(let value) = operand, isDirect(value) {
      if let short = UInt16(exactly: value) { return code.compareLogical(left, short) }
      return code.compare(left, Int16(truncatingIfNeeded: value))
    }
    code.compareLogical(left, value(operand))
  }
}

extension ProbeCondition {
  var power: PPC64LE.Condition {
    switch self {
    case .equal: .equal
    case .notEqual: .notEqual
    case .below: .less
    case .aboveOrEqual: .notLess
    }
  }
}
