import ApusSystem
import Glibc

/// A file that is written from its start to its end.
final class OutputFile {
  private let descriptor: FileDescriptor
  /// Bytes that are in the file, whole chunks only.
  private(set) var size: UInt64 = 0

  /// Creates the file, or empties it.
  init(creating path: String) throws(SystemError) {
    descriptor = try FileDescriptor.open(path, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o666)
  }

  /// Appends all of `bytes`, or throws; in that case, if the file can be cut, nothing of them stays.
  func append(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
    do throws(SystemError) {
      try unsafe descriptor.writeFully(bytes)
    } catch {
      do throws(SystemError) {
        try descriptor.truncate(to: Int(size))
      } catch {
        // It cannot be cut (a pipe, a device): a reader finds an incomplete last chunk, and stops before it.
      }
      throw error
    }
    size += UInt64(bytes.count)
  }
}

/// A file that is read at any offset. It may grow, or shrink, meanwhile.
final class InputFile: Sendable {
  private let descriptor: FileDescriptor

  init(opening path: String) throws(SystemError) { descriptor = try FileDescriptor.open(path) }

  /// Its size now.
  func size() throws(SystemError) -> UInt64 { UInt64(max(0, try descriptor.size())) }

  /// Reads as many bytes as there are, up to the buffer's size; returns how many.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int {
    try unsafe descriptor.read(into: buffer, at: Int(truncatingIfNeeded: offset))
  }
}
