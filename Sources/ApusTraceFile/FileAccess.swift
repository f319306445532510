import ApusSystem
import Glibc

/// A file that is written from its start to its end, and whose former contents stay until it is known that there will
/// be new ones.
///
/// Opening changes nothing. What is appended up to ``replace()`` is held in memory.
final class OutputFile {
  private let path: String
  private let descriptor: FileDescriptor
  /// The file was made by us: nobody misses it.
  private let isNew: Bool
  /// What waits for ``replace()``; nil after it.
  private var held: [UInt8]? = []
  /// Bytes that are in the file, whole chunks only.
  private(set) var size: UInt64 = 0

  /// Opens the file, or creates it, and takes it for itself alone.
  init(opening path: String) throws(TraceWriteError) {
    var claim = FileClaim(path)
    do throws(SystemError) {
      while claim.state != .held, claim.state != .inUse { try claim.advance() }
    } catch { throw TraceWriteError(path: path, cause: .system(error), validBytes: 0) }
    self.path = path
    isNew = claim.isNew
    guard let descriptor = claim.take() else {
      throw TraceWriteError(path: path, cause: .inUse, validBytes: 0)
    }
    self.descriptor = descriptor
  }

  /// Empties the file, and writes what was held. Once is enough; again changes nothing.
  func replace() throws(SystemError) {
    guard let held else { return }
    do throws(SystemError) { try descriptor.truncate(to: 0) } catch {
      // A pipe or a device has no former contents.
      guard error.errno == .invalidArgument else { throw error }
    }
    self.held = nil
    var failure: SystemError?
    unsafe held.withUnsafeBytes { bytes in
      do throws(SystemError) { try unsafe append(bytes) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  /// Nothing was written, and nothing will be: a file that we made goes away again. A link that led to it stays, and so does
  /// what others have put in its place.
  func discard() throws(SystemError) {
    guard held != nil, isNew, try descriptor.size() == 0 else { return }
    let place = try descriptor.path()
    do throws(SystemError) {
      let there = try FileDescriptor.reference(to: place)
      guard try there.isSameFile(as: descriptor) else { return }
    } catch {
      guard error.errno == .noSuchFile else { throw error }
      return
    }
    try FileDescriptor.unlink(place)
  }

  /// Appends all of `bytes`, or throws; in that case, if the file can be cut, nothing of them stays.
  func append(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
    guard held == nil else {
      unsafe held?.append(contentsOf: bytes)
      return
    }
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
