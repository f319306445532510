import ApusCore
import ApusISA

/// What a few instructions do, found by following them.
struct ARM64Effect: Equatable {
  /// Register, and the address in it.
  var address: String?
  /// What is loaded from where.
  var load: String?
  /// Where control goes if the condition holds.
  var goes: String?
  var calls = false

  init(_ bytes: [UInt8], at place: Address) {
    var values: [UInt32: UInt64] = [:]
    let instructions = ARM64.Decoder().decodeAll(bytes, at: place)
    for (index, instruction) in instructions.enumerated() {
      let word = instruction.word
      let (low, middle) = (word & 31, word >> 5 & 31)
      switch instruction.kind {
      case .address(let register, let target, _): values[register.number] = target
      case .literal(.prefetch, _, _), .hint(0): load = "nothing"
      case .literal(let literal, let register, let target): load = "\(literal) \(register) \(target)"
      case .jump(let target): goes = goes.map { $0 + " \(target)" } ?? "always \(target)"
      case .call(let target): (goes, calls) = ("always \(target)", true)
      case .branch(let condition, let target):
        set(target, instruction, instructions, index, "\(condition)", "\(condition.inverted ?? .always)")
      case .compareZero(let r, let isNotZero, let wide, let target):
        set(
          target, instruction, instructions, index, "\(r) \(isNotZero) \(wide)", "\(r) \(!isNotZero) \(wide)")
      case .testBit(let r, let bit, let isSet, let target):
        set(target, instruction, instructions, index, "\(r) \(bit) \(isSet)", "\(r) \(bit) \(!isSet)")
      default:
        switch word >> 22 {
        case 0x244: values[low] = (values[middle] ?? 0) &+ UInt64(word >> 10 & 0xfff)
        case 0x3e5: (load, values[low]) = ("doubleword \(low) \(values[middle] ?? 0)", nil)
        case 0x2e5: (load, values[low]) = ("word \(low) \(values[middle] ?? 0)", nil)
        case 0x2e6: (load, values[low]) = ("signedWord \(low) \(values[middle] ?? 0)", nil)
        default: constant(word, &values)
        }
      }
    }
    address = values.map { "\($0.key) \($0.value)" }.sorted().first
  }

  /// A conditional branch to `target`, or over a jump. What is always taken needs none.
  private mutating func set(
    _ target: Address, _ instruction: ARM64.Instruction, _ all: [ARM64.Instruction], _ index: Int,
    _ condition: String, _ inverted: String
  ) {
    let isOver = index + 2 == all.count && target == instruction.address &+ 8
    if isOver {
      goes = inverted
    } else if case .branch(let code, _) = instruction.kind, code.inverted == nil {
      goes = "always \(target)"
    } else {
      goes = condition + " \(target)"
    }
  }

  private func constant(_ word: UInt32, _ values: inout [UInt32: UInt64]) {
    let shift = UInt64(word >> 21 & 3) * 16
    let value = UInt64(word >> 5 & 0xffff) << shift
    switch word >> 23 {
    case 0x1a5: values[word & 31] = value
    case 0x125: values[word & 31] = ~value
    case 0x1e5: values[word & 31] = (values[word & 31] ?? 0) & ~(0xffff << shift) | value
    default: values[word & 31] = 0xbad
    }
  }
}
