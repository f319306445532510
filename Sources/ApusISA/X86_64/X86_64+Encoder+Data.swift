extension X86_64.Encoder {
  package typealias Register = X86_64.Register
  package typealias Memory = X86_64.Memory
  typealias Opcode = X86_64.Opcode

  // MARK: Moves

  /// `mov destination, source`.
  package mutating func move(_ destination: Register, _ source: Register) {
    form(Opcode.moveFromRegister.rawValue, source.rawValue, destination)
  }

  /// `mov destination32, value`: the upper half becomes zero.
  package mutating func move32(_ destination: Register, _ value: UInt32) {
    rex(wide: false, reg: 0, rm: destination.rawValue)
    byte(UInt8(truncatingIfNeeded: Opcode.moveImmediateToRegister.rawValue) | destination.rawValue & 7)
    immediate32(Int32(bitPattern: value))
  }

  /// `mov destination, value` with a sign-extended value.
  package mutating func moveSigned(_ destination: Register, _ value: Int32) {
    form(Opcode.moveImmediate.rawValue, 0, destination)
    immediate32(value)
  }

  /// `movabs destination, value`.
  package mutating func move64(_ destination: Register, _ value: UInt64) {
    rex(wide: true, reg: 0, rm: destination.rawValue)
    byte(UInt8(truncatingIfNeeded: Opcode.moveImmediateToRegister.rawValue) | destination.rawValue & 7)
    immediate64(value)
  }

  /// `xor destination32, destination32`: the whole register becomes zero, flags change.
  package mutating func clear(_ destination: Register) {
    form(X86_64.Arithmetic.exclusiveOr.opcodeToOperand, destination.rawValue, destination, wide: false)
  }

  /// Loads `width` bytes, zero-extended to 64 bits.
  package mutating func load(_ destination: Register, _ memory: Memory, _ width: X86_64.Width) {
    switch width {
    case .one: form(Opcode.moveZeroExtendedByte.rawValue, destination.rawValue, memory, wide: false)
    case .two: form(Opcode.moveZeroExtendedWord.rawValue, destination.rawValue, memory, wide: false)
    case .four: form(Opcode.moveToRegister.rawValue, destination.rawValue, memory, wide: false)
    case .eight: form(Opcode.moveToRegister.rawValue, destination.rawValue, memory)
    }
  }

  /// Stores the low `width` bytes.
  package mutating func store(_ memory: Memory, _ source: Register, _ width: X86_64.Width) {
    switch width {
    case .one:
      form(Opcode.moveFromByteRegister.rawValue, source.rawValue, memory, wide: false, byteRegister: true)
    case .two:
      form(
        Opcode.moveFromRegister.rawValue, source.rawValue, memory, wide: false, prefix: .operandSize)
    case .four: form(Opcode.moveFromRegister.rawValue, source.rawValue, memory, wide: false)
    case .eight: form(Opcode.moveFromRegister.rawValue, source.rawValue, memory)
    }
  }

  /// `mov qword ptr memory, value` with a sign-extended value.
  package mutating func store(_ memory: Memory, immediate value: Int32) {
    form(Opcode.moveImmediate.rawValue, 0, memory)
    immediate32(value)
  }

  /// `lea destination, memory`: flags stay.
  package mutating func loadEffectiveAddress(_ destination: Register, _ memory: Memory) {
    form(Opcode.loadEffectiveAddress.rawValue, destination.rawValue, memory)
  }

  /// `lea destination, [base + index << shift]`; the index cannot be rsp, the shift is 0 to 3.
  package mutating func loadEffectiveAddress(
    _ destination: Register, _ base: Register, index: Register, shift: UInt8
  ) {
    scaled(Opcode.loadEffectiveAddress.rawValue, destination.rawValue, base, index, shift)
  }

  /// `xchg left, right`, which with rax has a shorter form.
  package mutating func exchange(_ left: Register, _ right: Register) {
    guard left == .rax || right == .rax else {
      return form(Opcode.exchange.rawValue, left.rawValue, right)
    }
    let other = left == .rax ? right : left
    rex(wide: true, reg: 0, rm: other.rawValue)
    byte(UInt8(truncatingIfNeeded: Opcode.noOperation.rawValue) | other.rawValue & 7)
  }

  /// `push source`.
  package mutating func push(_ source: Register) {
    rex(wide: false, reg: 0, rm: source.rawValue)
    byte(UInt8(truncatingIfNeeded: Opcode.push.rawValue) | source.rawValue & 7)
  }

  /// `pushfq`.
  package mutating func pushFlags() { opcode(Opcode.pushFlags.rawValue) }

  /// `mov destination32, segment`: the selector, zero-extended.
  package mutating func move(_ destination: Register, _ segment: X86_64.Segment) {
    form(Opcode.moveFromSegment.rawValue, segment.rawValue, destination, wide: false)
  }

  /// `pop destination`.
  package mutating func pop(_ destination: Register) {
    rex(wide: false, reg: 0, rm: destination.rawValue)
    byte(UInt8(truncatingIfNeeded: Opcode.pop.rawValue) | destination.rawValue & 7)
  }

  // MARK: Atomic access

  /// `cmpxchg memory, source`: if memory holds rax, stores `source`, else loads it into rax; ZF says which.
  package mutating func compareExchange(_ memory: Memory, _ source: Register, lock: Bool) {
    form(Opcode.compareExchange.rawValue, source.rawValue, memory, prefix: lock ? .lock : nil)
  }

  // MARK: Arithmetic

  /// `op destination, source`.
  package mutating func arithmetic(_ kind: X86_64.Arithmetic, _ destination: Register, _ source: Register) {
    form(kind.opcodeToOperand, source.rawValue, destination)
  }

  /// `op destination, memory`.
  package mutating func arithmetic(_ kind: X86_64.Arithmetic, _ destination: Register, _ memory: Memory) {
    form(kind.opcodeToRegister, destination.rawValue, memory)
  }

  /// `op destination, value` with a sign-extended value.
  package mutating func arithmetic(_ kind: X86_64.Arithmetic, _ destination: Register, _ value: Int32) {
    if let short = Int8(exactly: value) {
      form(Opcode.groupImmediate8.rawValue, kind.rawValue, destination)
      return immediate8(short)
    }
    if destination == .rax {
      rex(wide: true, reg: 0, rm: 0)
      opcode(kind.opcodeAccumulator)
    } else {
      form(Opcode.groupImmediate32.rawValue, kind.rawValue, destination)
    }
    immediate32(value)
  }

  /// `op memory, source`.
  package mutating func arithmetic(
    _ kind: X86_64.Arithmetic, _ memory: Memory, _ source: Register, lock: Bool = false
  ) {
    form(kind.opcodeToOperand, source.rawValue, memory, prefix: lock ? .lock : nil)
  }

  /// `op qword ptr memory, value` with a sign-extended value.
  package mutating func arithmetic(
    _ kind: X86_64.Arithmetic, _ memory: Memory, _ value: Int32, lock: Bool = false
  ) {
    if let short = Int8(exactly: value) {
      form(Opcode.groupImmediate8.rawValue, kind.rawValue, memory, prefix: lock ? .lock : nil)
      return immediate8(short)
    }
    form(Opcode.groupImmediate32.rawValue, kind.rawValue, memory, prefix: lock ? .lock : nil)
    immediate32(value)
  }

  /// `imul destination, source`.
  package mutating func multiply(_ destination: Register, _ source: Register) {
    form(Opcode.multiply.rawValue, destination.rawValue, source)
  }

  /// `imul destination, memory`.
  package mutating func multiply(_ destination: Register, _ memory: Memory) {
    form(Opcode.multiply.rawValue, destination.rawValue, memory)
  }

  /// `imul destination, source, value` with a sign-extended value.
  package mutating func multiply(_ destination: Register, _ source: Register, _ value: Int32) {
    if let short = Int8(exactly: value) {
      form(Opcode.multiplyImmediate8.rawValue, destination.rawValue, source)
      return immediate8(short)
    }
    form(Opcode.multiplyImmediate32.rawValue, destination.rawValue, source)
    immediate32(value)
  }

  /// `shl` or `shr destination, count`; the processor uses `count` modulo 64.
  package mutating func shift(_ kind: X86_64.Shift, _ destination: Register, _ count: UInt8) {
    if count == 1 { return form(Opcode.shiftOne.rawValue, kind.rawValue, destination) }
    form(Opcode.shiftImmediate.rawValue, kind.rawValue, destination)
    byte(count)
  }

  /// `test left, right`.
  package mutating func test(_ left: Register, _ right: Register) {
    form(Opcode.test.rawValue, right.rawValue, left)
  }
}
