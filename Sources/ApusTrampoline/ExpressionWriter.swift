internal import ApusCore

/// Writes a DWARF expression (DWARF 4, 2.5).
struct ExpressionWriter {
  /// DW_OP_…: DWARF 4, 7.7.1.
  enum Operation: UInt8 {
    case load = 0x06
    case constant1 = 0x08
    case constant2 = 0x0a
    case constant4 = 0x0c
    case constant8 = 0x0e
    case signedConstant = 0x11
    case duplicate = 0x12
    case drop = 0x13
    case pick = 0x15
    case swap = 0x16
    case and = 0x1a
    case multiply = 0x1e
    case plus = 0x22
    case shiftLeft = 0x24
    case shiftRight = 0x25
    case branch = 0x28
    case equal = 0x29
    case skip = 0x2f
  }

  /// A jump whose target is not known yet.
  struct Jump { fileprivate var place: Int }

  private(set) var bytes: [UInt8] = []
  var count: Int { bytes.count }

  mutating func emit(_ operations: Operation...) { bytes += operations.map(\.rawValue) }

  mutating func constant(_ value: UInt64) {
    var writer = ByteWriter()
    switch value {
    case ...0xff:
      emit(.constant1)
      writer.append(UInt8(value))
    case ...0xffff:
      emit(.constant2)
      writer.append(UInt16(value))
    case ...0xffff_ffff:
      emit(.constant4)
      writer.append(UInt32(value))
    default:
      emit(.constant8)
      writer.append(value)
    }
    bytes += writer.bytes
  }

  mutating func constant(signed value: Int64) {
    var writer = ByteWriter()
    writer.append(sleb128: value)
    emit(.signedConstant)
    bytes += writer.bytes
  }

  /// Pushes a copy of the entry with this index, counted from the top.
  mutating func pick(_ index: UInt8) {
    emit(.pick)
    bytes.append(index)
  }

  /// A jump that leads to where ``place(_:)`` is called.
  mutating func jump(_ operation: Operation) -> Jump {
    emit(operation)
    bytes += [0, 0]
    return Jump(place: count)
  }

  mutating func jump(_ operation: Operation, to target: Int) {
    let jump = jump(operation)
    write(target - jump.place, jump)
  }

  mutating func place(_ jump: Jump) { write(count - jump.place, jump) }

  private mutating func write(_ distance: Int, _ jump: Jump) {
    bytes[jump.place - 2] = UInt8(truncatingIfNeeded: distance)
    bytes[jump.place - 1] = UInt8(truncatingIfNeeded: distance >> 8)
  }
}
