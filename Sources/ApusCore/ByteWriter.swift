/// Builds a run of bytes: numbers, LEB128 and strings, one after the other, and corrections of what is there.
package struct ByteWriter: Sendable {
  /// What has been written.
  package private(set) var bytes: [UInt8] = []
  /// How numbers wider than a byte are written.
  package var order: ByteOrder

  /// Starts empty.
  package init(order: ByteOrder = .littleEndian) { self.order = order }

  /// The number of bytes written: where the next one will stand.
  package var count: Int { bytes.count }

  /// Appends a fixed-width integer in this writer's byte order.
  package mutating func append<T: FixedWidthInteger>(_ value: T) {
    var rest = order == .littleEndian ? value : value.byteSwapped
    for _ in 0..<T.bitWidth / 8 {
      bytes.append(UInt8(truncatingIfNeeded: rest))
      if T.bitWidth > 8 { rest >>= 8 }
    }
  }

  /// Appends bytes as they are.
  package mutating func append(contentsOf more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

  /// Appends the text's UTF-8 and a zero.
  package mutating func append(cString text: String) {
    bytes.append(contentsOf: text.utf8)
    bytes.append(0)
  }

  /// Appends `value` as unsigned LEB128, in the fewest bytes.
  package mutating func append(uleb128 value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  /// Appends `value` as signed LEB128, in the fewest bytes.
  package mutating func append(sleb128 value: Int64) {
    var rest = value
    while rest < -64 || rest > 63 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest) & 0x7f)
  }

  /// Appends zeros up to the next multiple of `alignment`, a power of two.
  package mutating func align(to alignment: Int) {
    while bytes.count & (max(alignment, 1) - 1) != 0 { bytes.append(0) }
  }

  /// Writes `value` over bytes that are there already.
  package mutating func replace<T: FixedWidthInteger>(at offset: Int, with value: T) throws(ByteError) {
    let width = T.bitWidth / 8
    guard offset >= 0, offset <= bytes.count, bytes.count - offset >= width else {
      throw ByteError(
        .pastEnd(needed: UInt64(width), available: UInt64(max(0, bytes.count - max(0, offset)))),
        at: UInt64(bitPattern: Int64(offset)))
    }
    var part = ByteWriter(order: order)
    part.append(value)
    bytes.replaceSubrange(offset..<offset + width, with: part.bytes)
  }
}
