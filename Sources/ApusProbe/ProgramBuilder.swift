/// Writes a probe program line by line.
package struct ProgramBuilder: ~Copyable {
  private var instructions: [ProbeInstruction] = []
  private var labels = 0

  package init() {}

  /// A new label, to be placed with ``place(_:)``.
  package mutating func label() -> ProbeLabel {
    labels += 1
    return ProbeLabel(rawValue: labels)
  }

  /// Puts a label here.
  package mutating func place(_ label: ProbeLabel) { instructions.append(.label(label)) }
  /// A new label, here.
  package mutating func here() -> ProbeLabel {
    let label = label()
    place(label)
    return label
  }

  /// Appends any instruction.
  package mutating func emit(_ instruction: ProbeInstruction) { instructions.append(instruction) }

  package mutating func constant(_ d: ProbeRegister, _ value: UInt64) { emit(.constant(d, value)) }
  package mutating func move(_ d: ProbeRegister, _ s: ProbeRegister) { emit(.move(d, s)) }
  package mutating func load(_ d: ProbeRegister, _ base: ProbeRegister, _ offset: Int32 = 0) {
    emit(.load(d, ProbeAddress(base, offset), .eight))
  }
  package mutating func store(_ base: ProbeRegister, _ offset: Int32, _ s: ProbeRegister) {
    emit(.store(ProbeAddress(base, offset), s, .eight))
  }
  package mutating func storeConstant(_ base: ProbeRegister, _ offset: Int32, _ value: Int32) {
    emit(.storeConstant(ProbeAddress(base, offset), value))
  }
  package mutating func arithmetic(_ op: ProbeArithmetic, _ d: ProbeRegister, _ s: ProbeOperand) {
    emit(.arithmetic(op, d, s))
  }
  package mutating func add(_ d: ProbeRegister, _ s: ProbeOperand) { arithmetic(.add, d, s) }
  package mutating func subtract(_ d: ProbeRegister, _ s: ProbeOperand) { arithmetic(.subtract, d, s) }
  package mutating func and(_ d: ProbeRegister, _ s: ProbeOperand) { arithmetic(.and, d, s) }
  package mutating func or(_ d: ProbeRegister, _ s: ProbeOperand) { arithmetic(.or, d, s) }
  package mutating func shiftLeft(_ d: ProbeRegister, _ count: UInt8) { emit(.shiftLeft(d, count)) }
  package mutating func addShifted(_ d: ProbeRegister, _ s: ProbeRegister, _ count: UInt8) {
    emit(.addShifted(d, s, count))
  }
  package mutating func shiftRight(_ d: ProbeRegister, _ count: UInt8) { emit(.shiftRight(d, count)) }
  package mutating func branch(
    _ left: ProbeRegister, _ condition: ProbeCondition, _ right: ProbeOperand, _ target: ProbeLabel
  ) {
    emit(.branch(condition, left, right, target))
  }
  package mutating func jump(_ target: ProbeLabel) { emit(.jump(target)) }
  package mutating func call(_ routine: Routine) { emit(.call(routine.symbol)) }

  /// The finished program.
  package consuming func program(_ name: String, _ role: ProbeProgram.Role) -> ProbeProgram {
    ProbeProgram(name: name, role: role, instructions: instructions)
  }
}

extension ProbeOperand {
  /// Memory at a register and a displacement.
  package static func at(_ base: ProbeRegister, _ offset: Int32 = 0) -> ProbeOperand {
    .memory(ProbeAddress(base, offset))
  }
  package static let v0 = ProbeOperand.register(.v0)
  package static let v1 = ProbeOperand.register(.v1)
  package static let v2 = ProbeOperand.register(.v2)
  package static let v3 = ProbeOperand.register(.v3)
  package static let v4 = ProbeOperand.register(.v4)
  package static let v5 = ProbeOperand.register(.v5)
  package static let v6 = ProbeOperand.register(.v6)
  package static let v7 = ProbeOperand.register(.v7)
}
