package import ApusSystem

/// What can go wrong with a server of GDB's remote protocol, and what to do about it.
package enum RemoteError: Error, Sendable, Equatable {
  /// There is no connection.
  case unreachable(SocketAddress, SystemError)
  /// The server has closed the connection.
  case closed(after: String)
  /// Nothing came in time.
  case silent(request: String, milliseconds: Int)
  /// The connection failed.
  case connection(SystemError)
  /// Bytes that are no packet, or a packet that is no answer.
  case malformed(what: String, why: String)
  /// The server does not know a request that is needed.
  case unsupported(request: String, need: String)
  /// The server answered with an error.
  case failed(request: String, answer: String)
  /// The target runs, and the server can do this only while it is stopped.
  case running(request: String)
}

extension RemoteError: CustomStringConvertible {
  /// A sentence.
  package var description: String {
    switch self {
    case .unreachable(let address, let error):
      "no server at \(address) (\(error.errno)): start one, as gdbserver \(address) PROGRAM or qemu-ARCH -g PORT PROGRAM"
    case .closed(let request):
      "the remote server closed the connection after \(request): see what it printed, and start it again"
    case .silent(let request, let milliseconds):
      "the remote server did not answer \(request) in \(milliseconds) ms: it hangs, or another debugger has it"
    case .connection(let error): "the connection to the remote server failed: \(error)"
    case .malformed(let what, let why):
      "the remote server sent a \(what) that is none (\(why)): is it a server of GDB's remote protocol?"
    case .unsupported(let request, let need): "the remote server does not know \(request): \(need)"
    case .failed(let request, let answer): "the remote server refused \(request): \(answer)"
    case .running(let request): "\(request) needs a stopped target, and it runs: interrupt it first"
    }
  }
}
