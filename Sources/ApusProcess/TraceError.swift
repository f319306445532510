package import ApusCore
package import ApusSystem

/// What can go wrong with a process from outside.
package enum TraceError: Error, Sendable, Equatable {
  /// The thread has ended or is being killed. Its end is told by `next`; nothing else can be done with it.
  case gone(thread: ThreadID)
  /// The operation needs a stopped thread, and this one runs, or is not held at all.
  case notStopped(thread: ThreadID)
  /// The operation cannot be made where the thread stands.
  case busy(thread: ThreadID, why: String)
  /// The process may not be traced; `why` says what to do about it.
  case refused(process: ProcessID, why: String)
  /// exec failed.
  case notExecutable(program: String, errno: Errno)
  /// The program is of a machine that cannot be traced (32 bit).
  case unsupportedMachine(process: ProcessID, why: String)
  /// There is no place for a bootstrap gate.
  case noGate(process: ProcessID, why: String)
  /// What should be a gate is not: making a call through it would kill the process.
  case brokenGate(process: ProcessID, address: Address)
  /// A remote system call was made, and failed.
  case remoteCall(RemoteSystemCall, errno: Errno)
  /// Memory that could not be read or written.
  case memory(MemoryError)
  /// A system call of our own that failed.
  case system(SystemError)
  /// The connection to a remote server failed, or the server refused.
  case remote(RemoteError)

  /// What a launcher exits with when the program could not be started: 127 not found, 126 not executable, as
  /// shells and env(1) do; nil for other errors.
  package var launchStatus: Int32? {
    guard case .notExecutable(_, let errno) = self else { return nil }
    return errno == .noSuchFile || errno == .notDirectory ? 127 : 126
  }
}

extension TraceError: CustomStringConvertible {
  /// A sentence.
  package var description: String {
    switch self {
    case .gone(let thread): "thread \(thread) has ended"
    case .notStopped(let thread): "thread \(thread) is not stopped"
    case .busy(let thread, let why): "thread \(thread) \(why)"
    case .refused(let process, let why): "process \(process) cannot be traced: \(why)"
    case .notExecutable(let program, let errno): "\(program): \(errno)"
    case .unsupportedMachine(let process, let why): "process \(process): \(why)"
    case .noGate(let process, let why): "process \(process) has no room for a system call gate: \(why)"
    case .brokenGate(let process, let address):
      "process \(process): the system call gate at 0x\(String(address, radix: 16)) has been overwritten"
    case .remoteCall(let call, let errno): "\(call) in the process: \(errno)"
    case .memory(let error): error.description
    case .system(let error): error.description
    case .remote(let error): error.description
    }
  }
}
