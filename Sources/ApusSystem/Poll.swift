internal import CApusLinux
internal import Glibc

/// Waiting for descriptors.
package enum Poll {
  /// Waits until one of `descriptors` can be read (or is hung up), or the time is over, or a signal came (EINTR).
  ///
  /// - Parameter timeoutMilliseconds: nil waits for ever.
  /// - Returns: which of them are ready; none after the time limit or a signal.
  package static func readable(
    _ descriptors: [Int32], timeoutMilliseconds: Int?
  ) throws(SystemError) -> [Bool] {
    var entries = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    var limit = timespec()
    if let timeoutMilliseconds {
      limit.tv_sec = timeoutMilliseconds / 1000
      limit.tv_nsec = timeoutMilliseconds % 1000 * 1_000_000
    }
    let result = unsafe entries.withUnsafeMutableBytes { bytes in
      unsafe withUnsafeMutablePointer(to: &limit) { time in
        Kernel.raw(
          APUS_SYS_ppoll, Int(bitPattern: bytes.baseAddress), descriptors.count,
          timeoutMilliseconds == nil ? 0 : Int(bitPattern: time), 0, 0)
      }
    }
    if result == -Int(EINTR) { return descriptors.map { _ in false } }
    try Kernel.call("ppoll", retrying: false) { result }
    return entries.map { $0.revents != 0 }
  }
}
