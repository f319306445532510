import ApusISA
import ApusProbe

/// How an immediate operand gets into an instruction.
enum ARM64Immediate: Equatable {
  /// `add` or `sub` of 12 bits, those of bit 12 to 23 if `high`.
  case add(UInt16, high: Bool)
  case subtract(UInt16, high: Bool)
  /// A logical instruction.
  case mask(ARM64.BitMask)
  /// Compared with zero by the branch itself.
  case zero
  /// Nothing is done.
  case nothing
  /// It has to be put into a register.
  case none

  /// As the second operand of arithmetic.
  init(_ kind: ProbeArithmetic, _ value: Int32) {
    let wide = UInt64(bitPattern: Int64(value))
    switch kind {
    case .add: self = value == 0 ? .nothing : Self.sum(value, negated: false)
    case .subtract: self = value == 0 ? .nothing : Self.sum(value, negated: true)
    case .and where value == -1: self = .nothing
    case .or where value == 0, .exclusiveOr where value == 0: self = .nothing
    case .and, .or, .exclusiveOr: self = ARM64.BitMask(wide).map { .mask($0) } ?? .none
    case .multiply: self = .none
    }
  }

  /// As the second operand of a comparison: `subtract` is `cmp`, `add` is `cmn`.
  init(comparison condition: ProbeCondition, _ value: Int32) {
    switch (condition, value) {
    case (.equal, 0), (.notEqual, 0): self = .zero
    // The carry of cmn is that of a sum: with 0 it is clear, where that of cmp is set.
    default: self = Self.sum(value, negated: true)
    }
  }

  private static func sum(_ value: Int32, negated: Bool) -> ARM64Immediate {
    let isNegative = (value < 0) != negated
    guard let (bits, high) = twelve(value.magnitude) else { return .none }
    return isNegative ? .subtract(bits, high: high) : .add(bits, high: high)
  }

  /// 12 bits at the bottom or at bit 12.
  static func twelve(_ value: UInt32) -> (UInt16, high: Bool)? {
    if value < 1 << 12 { return (UInt16(value), false) }
    if value & 0xfff == 0, value < 1 << 24 { return (UInt16(value >> 12), true) }
    return nil
  }
}

/// How a displacement gets into a load or a store.
enum ARM64Displacement: Equatable {
  /// The instruction holds it.
  case near
  /// This much, a multiple of 4096, is added first; the instruction holds the rest.
  case page(Int32)
  /// All of it goes through an index register.
  case index

  init(_ offset: Int32, _ width: ProbeWidth) {
    if Self.holds(offset, width) {
      self = .near
      return
    }
    let page = offset & ~0xfff
    self = Int(page).magnitude < 1 << 24 && Self.holds(offset - page, width) ? .page(page) : .index
  }

  /// Whether a load or a store holds the displacement: scaled up to 4095 times the width, or −256 to 255.
  private static func holds(_ offset: Int32, _ width: ProbeWidth) -> Bool {
    isScaled(offset, width) || (-256..<256).contains(offset)
  }
  static func isScaled(_ offset: Int32, _ width: ProbeWidth) -> Bool {
    offset >= 0 && Int(offset) % width.rawValue == 0 && Int(offset) / width.rawValue < 4096
  }
}
