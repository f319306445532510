extension X86_64.Encoder {
  /// `jcc` with a distance from its end, 2 bytes.
  package mutating func branch(_ condition: X86_64.Condition, short distance: Int8) {
    byte(UInt8(truncatingIfNeeded: Opcode.jumpConditionalShort.rawValue) | condition.rawValue)
    immediate8(distance)
  }

  /// `jcc` with a distance from its end, 6 bytes.
  package mutating func branch(_ condition: X86_64.Condition, near distance: Int32) {
    opcode(Opcode.jumpConditionalNear.rawValue | UInt16(condition.rawValue))
    immediate32(distance)
  }

  /// `jmp` with a distance from its end, 2 bytes.
  package mutating func jump(short distance: Int8) {
    opcode(Opcode.jumpShort.rawValue)
    immediate8(distance)
  }

  /// `jmp` with a distance from its end, 5 bytes.
  package mutating func jump(near distance: Int32) {
    opcode(Opcode.jumpNear.rawValue)
    immediate32(distance)
  }

  /// `call` with a distance from its end, 5 bytes.
  package mutating func call(near distance: Int32) {
    opcode(Opcode.call.rawValue)
    immediate32(distance)
  }

  /// `jmp qword ptr memory`.
  package mutating func jump(through memory: Memory) {
    form(Opcode.indirect.rawValue, 4, memory, wide: false)
  }

  /// `call qword ptr memory`.
  package mutating func call(through memory: Memory) {
    form(Opcode.indirect.rawValue, 2, memory, wide: false)
  }

  /// `ret`.
  package mutating func `return`() { opcode(Opcode.return.rawValue) }

  /// `int3`.
  package mutating func breakpoint() { opcode(Opcode.breakpoint.rawValue) }

  /// `ud2`.
  package mutating func undefined() { opcode(Opcode.undefined.rawValue) }

  /// `rdtsc`: the counter's halves into eax and edx.
  package mutating func readTimestamp() { opcode(Opcode.readTimestamp.rawValue) }

  /// `prefetchw memory`.
  package mutating func prefetchForStore(_ memory: Memory) {
    form(Opcode.prefetch.rawValue, 1, memory, wide: false)
  }

  /// `pause`.
  package mutating func pause() {
    byte(X86_64.Prefix.repeat.rawValue)
    opcode(Opcode.noOperation.rawValue)
  }

  /// `mfence`.
  package mutating func memoryFence() { append([0x0f, 0xae, 0xf0]) }

  /// `endbr64`.
  package mutating func endBranch() { append([0xf3, 0x0f, 0x1e, 0xfa]) }

  /// `count` bytes of no-operations, in the forms that the Intel manual recommends (volume 2, NOP).
  package mutating func noOperation(_ count: Int) {
    var left = count
    while left > 0 {
      let size = min(left, X86_64.noOperations.count)
      append(X86_64.noOperations[size - 1])
      left -= size
    }
  }

  /// Bytes that are code already.
  package mutating func append(_ code: some Collection<UInt8>) { emit(code) }
}

extension X86_64 {
  /// The recommended no-operations of 1 to 9 bytes.
  package static let noOperations: [[UInt8]] = [
    [0x90],
    [0x66, 0x90],
    [0x0f, 0x1f, 0x00],
    [0x0f, 0x1f, 0x40, 0x00],
    [0x0f, 0x1f, 0x44, 0x00, 0x00],
    [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
    [0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
    [0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
    [0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
  ]
}
