/// Bytes that somebody else owns (a mapped file), as a ``ByteSource``.
///
/// Guarantee wanted from the maker: the bytes stay readable and unchanged until `release` is called, which
/// happens once, when the last reference goes.
@safe package final class BorrowedBytes: ByteSource, @unchecked Sendable {
  // Sendable: both fields are immutable, and the bytes behind `buffer` are only read.
  private let buffer: UnsafeRawBufferPointer
  private let release: @Sendable (UnsafeRawBufferPointer) -> Void

  /// Takes `buffer`; `release` gives it back (`munmap`, say).
  package init(
    _ buffer: UnsafeRawBufferPointer, release: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
  ) {
    unsafe self.buffer = buffer
    unsafe self.release = release
  }

  deinit { unsafe release(buffer) }

  package var byteCount: UInt64 { unsafe UInt64(buffer.count) }

  package func bytes(at offset: UInt64, count: UInt64) throws(ByteError) -> [UInt8] {
    try check(offset, count)
    return unsafe [UInt8](UnsafeRawBufferPointer(rebasing: buffer[Int(offset)..<Int(offset + count)]))
  }
}
