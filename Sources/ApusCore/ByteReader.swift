/// A place in a run of bytes, from which numbers and strings are read in turn.
///
/// It is a value: copying one is cheap and gives an independent place; the bytes are shared. Every read
/// checks its bounds and throws ``ByteError``; after an error the place is where it was before that read.
package struct ByteReader: Sendable {
  /// The storage; only `start ..< end` of it may be read.
  @usableFromInline package let bytes: [UInt8]
  /// Indices into `bytes`, `0 <= start <= position <= end <= bytes.count`.
  @usableFromInline package let start: Int
  @usableFromInline package let end: Int
  @usableFromInline package private(set) var position: Int
  /// What `bytes[0]` is counted as in errors: the offset at which `bytes` was cut out of a larger whole.
  package let baseOffset: UInt64
  /// How numbers wider than a byte are read.
  package var order: ByteOrder

  /// Reads `bytes` from their start.
  ///
  /// `baseOffset` is the offset of the first byte in whatever it was cut from; errors count from there.
  package init(_ bytes: [UInt8], order: ByteOrder = .littleEndian, baseOffset: UInt64 = 0) {
    self.bytes = bytes
    start = 0
    end = bytes.count
    position = 0
    self.baseOffset = baseOffset
    self.order = order
  }

  private init(_ other: ByteReader, start: Int, end: Int) {
    bytes = other.bytes
    self.start = start
    self.end = end
    position = start
    baseOffset = other.baseOffset
    order = other.order
  }

  /// The number of bytes that can be read in all, from the beginning of this range.
  package var count: Int { end - start }
  /// The number of bytes not read yet.
  package var remaining: Int { end - position }
  /// Whether everything has been read.
  package var isAtEnd: Bool { position == end }
  /// The number of bytes between the beginning of this range and the place of the next read.
  package var offset: Int { position - start }
  /// The offset of the next read as errors count it.
  package var absoluteOffset: UInt64 { baseOffset &+ UInt64(position) }

  /// Goes to `offset`, counted from the beginning of this range; the end itself is allowed.
  package mutating func seek(to offset: Int) throws(ByteError) {
    guard offset >= 0, offset <= count else {
      let absolute = baseOffset &+ UInt64(start) &+ UInt64(bitPattern: Int64(offset))
      throw ByteError(.pastEnd(needed: 0, available: 0), at: absolute)
    }
    position = start + offset
  }

  /// Goes `count` bytes on.
  package mutating func skip(_ count: UInt64) throws(ByteError) {
    position += try checked(count)
  }

  /// The next `count` bytes as a reader of their own; this one goes on behind them.
  package mutating func take(_ count: UInt64) throws(ByteError) -> ByteReader {
    let length = try checked(count)
    let part = ByteReader(self, start: position, end: position + length)
    position += length
    return part
  }

  /// `count` bytes from `offset` (counted from the beginning of this range) as a reader of their own.
  package func range(at offset: UInt64, count: UInt64) throws(ByteError) -> ByteReader {
    let whole = UInt64(self.count)
    guard offset <= whole, count <= whole - offset else {
      throw ByteError(
        .pastEnd(needed: count, available: offset <= whole ? whole - offset : 0),
        at: baseOffset &+ UInt64(start) &+ offset)
    }
    let from = start + Int(offset)
    return ByteReader(self, start: from, end: from + Int(count))
  }

  /// The next `count` bytes.
  package mutating func readBytes(_ count: UInt64) throws(ByteError) -> [UInt8] {
    let length = try checked(count)
    defer { position += length }
    return Array(bytes[position..<position + length])
  }

  /// Goes forward to the next multiple of `alignment` (a power of two), counted from the beginning of this
  /// range, or to the end if that comes first.
  package mutating func align(to alignment: Int) {
    let mask = max(alignment, 1) - 1
    let step = (0 &- offset) & mask
    position += min(step, remaining)
  }

  /// `count` as an `Int`, if so many bytes are left.
  private func checked(_ count: UInt64) throws(ByteError) -> Int {
    guard count <= UInt64(remaining) else {
      throw ByteError(.pastEnd(needed: count, available: UInt64(remaining)), at: absoluteOffset)
    }
    return Int(count)
  }

  /// Reads a fixed-width integer in this reader's byte order.
  @inline(__always)
  package mutating func read<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type) throws(ByteError) -> T {
    let width = T.bitWidth / 8
    guard end - position >= width else {
      throw ByteError(.pastEnd(needed: UInt64(width), available: UInt64(remaining)), at: absoluteOffset)
    }
    // The span checks its own bounds again; any bit pattern is a valid integer.
    let raw = unsafe bytes.span.bytes.unsafeLoadUnaligned(fromByteOffset: position, as: T.self)
    position += width
    return order == .littleEndian ? T(littleEndian: raw) : T(bigEndian: raw)
  }

  /// Reads one byte.
  package mutating func readUInt8() throws(ByteError) -> UInt8 { try read(UInt8.self) }
  /// Reads two bytes.
  package mutating func readUInt16() throws(ByteError) -> UInt16 { try read(UInt16.self) }
  /// Reads four bytes.
  package mutating func readUInt32() throws(ByteError) -> UInt32 { try read(UInt32.self) }
  /// Reads eight bytes.
  package mutating func readUInt64() throws(ByteError) -> UInt64 { try read(UInt64.self) }

  /// Moves the place; for the reads in other files.
  mutating func advance(to newPosition: Int) { position = newPosition }
}
