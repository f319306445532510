package import ApusSystem
import Glibc

/// Output could not be written.
package struct SinkError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What is written to, for people.
  package var name: String
  /// The system call that failed, and why.
  package var cause: SystemError

  /// One line.
  package var description: String { "\(name): cannot be written: \(cause)" }
}

/// Where reports go: a file descriptor behind a buffer.
///
/// When the reader of a pipe has gone away, output ends quietly: ``isClosed`` becomes true, and reports stop
/// early. The caller must have SIGPIPE ignored. Any other failure is kept, and thrown by ``flush()``.
package final class TextSink {
  private static let bufferSize = 1 << 16

  private let descriptor: FileDescriptor
  private let name: String
  private var buffer: [UInt8] = []
  private var failure: SinkError?
  /// Nobody reads any more, or writing has failed: more output is pointless.
  package private(set) var isClosed = false
  /// Bytes given to the sink.
  package private(set) var bytesWritten: UInt64 = 0

  /// Writes to a descriptor, which is closed with the sink; for standard output, give it a duplicate.
  package init(_ descriptor: consuming FileDescriptor, name: String) {
    self.descriptor = descriptor
    self.name = name
    buffer.reserveCapacity(Self.bufferSize + 4096)
  }

  /// Creates a file, or empties it.
  package convenience init(creating path: String) throws(SinkError) {
    do throws(SystemError) {
      self.init(
        try FileDescriptor.open(path, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o666), name: path)
    } catch {
      throw SinkError(name: path, cause: error)
    }
  }

  /// Standard output.
  package static func standardOutput() throws(SinkError) -> TextSink {
    let original = FileDescriptor(owning: 1)
    do throws(SystemError) {
      let copy = try original.duplicate()
      _ = original.release()
      return TextSink(copy, name: "standard output")
    } catch {
      _ = original.release()
      throw SinkError(name: "standard output", cause: error)
    }
  }

  /// Appends text.
  package func write(_ text: String) {
    buffer.append(contentsOf: text.utf8)
    if buffer.count >= Self.bufferSize { drain() }
  }

  /// Appends bytes.
  package func write(_ bytes: [UInt8]) {
    buffer.append(contentsOf: bytes)
    if buffer.count >= Self.bufferSize { drain() }
  }

  private func drain() {
    bytesWritten += UInt64(buffer.count)
    defer { buffer.removeAll(keepingCapacity: true) }
    guard !isClosed else { return }
    do throws(SystemError) {
      try descriptor.writeFully(buffer)
    } catch {
      isClosed = true
      if error.errno.rawValue != EPIPE { failure = SinkError(name: name, cause: error) }
    }
  }

  /// Writes what is buffered; throws if anything could not be written.
  package func flush() throws(SinkError) {
    drain()
    if let failure { throw failure }
  }
}

extension TextSink {
  /// ``flush()`` as a report's last step.
  func finish() throws(ReportError) {
    do { try flush() } catch { throw .output(error) }
  }
}
