/// A file's bytes, wherever they are: parts are copied out as they are asked for.
///
/// So a large file can be mapped and read without a copy of the whole.
package protocol ByteSource: Sendable {
  /// The number of bytes there are.
  var byteCount: UInt64 { get }
  /// A copy of `count` bytes from `offset`; throws if they are not all there. Never allocates more than
  /// `count` bytes, and checks before it does.
  func bytes(at offset: UInt64, count: UInt64) throws(ByteError) -> [UInt8]
}

extension ByteSource {
  /// Throws unless `count` bytes from `offset` are there.
  package func check(_ offset: UInt64, _ count: UInt64) throws(ByteError) {
    guard offset <= byteCount, count <= byteCount - offset else {
      throw ByteError(
        .pastEnd(needed: count, available: offset <= byteCount ? byteCount - offset : 0), at: offset)
    }
  }
}

extension Array: ByteSource where Element == UInt8 {
  package var byteCount: UInt64 { UInt64(count) }

  package func bytes(at offset: UInt64, count: UInt64) throws(ByteError) -> [UInt8] {
    try check(offset, count)
    if offset == 0, count == byteCount { return self }
    return Array(self[Int(offset)..<Int(offset + count)])
  }
}
