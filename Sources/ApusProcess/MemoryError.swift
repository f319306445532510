package import ApusCore
package import ApusSystem

/// Memory of a process that could not be read or written, and how far it went.
package struct MemoryError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Why.
  package enum Reason: Sendable, Equatable {
    /// Nothing is mapped there, or it may not be accessed even by force.
    case unmapped
    /// The process has ended or become another program.
    case gone
    /// Something else.
    case failed(Errno)
    /// The connection to the process's server failed, or the server refused.
    case remote(RemoteError)
  }

  /// The process.
  package var process: ProcessID
  /// The first address of the access.
  package var address: Address
  /// The bytes that were wanted.
  package var count: Int
  /// The bytes that were read or written before it failed.
  package var done: Int
  /// Whether it was a write.
  package var isWrite: Bool
  /// Why.
  package var reason: Reason

  /// A sentence.
  package var description: String {
    let what = isWrite ? "write to" : "read from"
    let why =
      switch reason {
      case .unmapped: "nothing is mapped there"
      case .gone: "the process is gone"
      case .failed(let errno): "\(errno)"
      case .remote(let error): error.description
      }
    return "\(what) process \(process) at 0x\(String(address, radix: 16)), \(done) of \(count) bytes: \(why)"
  }
}
