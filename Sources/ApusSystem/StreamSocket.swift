internal import CApusLinux
internal import Glibc

/// A connected stream socket. It never raises SIGPIPE.
package struct StreamSocket: ~Copyable, Sendable {
  private let descriptor: FileDescriptor

  private init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

  /// The descriptor's number, for `Poll`.
  package var rawValue: Int32 { descriptor.rawValue }

  /// Connects, without delays for small packets.
  ///
  /// - Parameters:
  ///   - timeoutMilliseconds: for connecting (EINPROGRESS when it is over), and for each later `send` (EAGAIN).
  ///   - patienceMilliseconds: how long a server that does not listen yet is asked again.
  package static func connect(
    to address: SocketAddress, timeoutMilliseconds: Int = 10_000, patienceMilliseconds: Int = 0
  ) throws(SystemError) -> StreamSocket {
    guard let (family, structure) = address.bytes else {
      throw SystemError(
        call: "connect", errno: .invalidArgument, context: "\(address): give a numeric address")
    }
    let start = Clock.monotonic.now()
    while true {
      let socket = try make(family, timeoutMilliseconds: timeoutMilliseconds)
      let number = socket.rawValue
      let result = unsafe structure.withUnsafeBytes {
        Kernel.raw(APUS_SYS_connect, Int(number), Int(bitPattern: $0.baseAddress), $0.count)
      }
      if result == 0 { return socket }
      let isLate = Clock.monotonic.now() &- start >= UInt64(max(0, patienceMilliseconds)) * 1_000_000
      let mayCome = result == -Int(ECONNREFUSED) || result == -Int(ENOENT) || result == -Int(EINTR)
      if isLate || !mayCome {
        throw SystemError(
          call: "connect", errno: Errno(rawValue: Int32(clamping: -result)), context: "\(address)")
      }
      _ = try Poll.readable([], timeoutMilliseconds: 10)
    }
  }

  private static func make(_ family: Int32, timeoutMilliseconds: Int) throws(SystemError) -> StreamSocket {
    let type = 1 | 0o2000000  // SOCK_STREAM | SOCK_CLOEXEC
    let number = try Kernel.call("socket") { Kernel.raw(APUS_SYS_socket, Int(family), type, 0) }
    let socket = StreamSocket(FileDescriptor(owning: Int32(number)))
    try socket.set(SOL_SOCKET, SO_SNDTIMEO, [timeoutMilliseconds / 1000, timeoutMilliseconds % 1000 * 1000])
    if family != AF_UNIX { try socket.set(Int32(IPPROTO_TCP), TCP_NODELAY, [Int32(1)]) }
    return socket
  }

  private borrowing func set<T: BitwiseCopyable>(
    _ level: Int32, _ option: Int32, _ value: [T]
  ) throws(SystemError) {
    let number = rawValue
    try Kernel.call("setsockopt") {
      unsafe value.withUnsafeBytes {
        Kernel.raw(
          APUS_SYS_setsockopt, Int(number), Int(level), Int(option), Int(bitPattern: $0.baseAddress), $0.count
        )
      }
    }
  }

  /// Sends all bytes.
  package borrowing func send(_ bytes: [UInt8]) throws(SystemError) {
    let number = rawValue
    var done = 0
    while done < bytes.count {
      let already = done
      let noSignal = 0x4000  // MSG_NOSIGNAL
      done += try Kernel.call("send") {
        unsafe bytes.withUnsafeBytes {
          Kernel.raw(
            APUS_SYS_sendto, Int(number), Int(bitPattern: $0.baseAddress) &+ already, $0.count &- already,
            noSignal, 0, 0)
        }
      }
    }
  }

  /// Takes what has come, `limit` bytes at the most, and waits if nothing has; empty when the other side has closed.
  package borrowing func receive(limit: Int = 65536) throws(SystemError) -> [UInt8] {
    let number = rawValue
    var bytes = [UInt8](repeating: 0, count: limit)
    let got = try Kernel.call("recv") {
      unsafe bytes.withUnsafeMutableBytes {
        Kernel.raw(APUS_SYS_recvfrom, Int(number), Int(bitPattern: $0.baseAddress), $0.count, 0, 0, 0)
      }
    }
    bytes.removeLast(limit - got)
    return bytes
  }

  /// Ends the connection in both directions; the descriptor stays. A connection that has ended already is no error.
  package borrowing func shutdown() {
    _ = Kernel.raw(APUS_SYS_shutdown, Int(rawValue), 2)  // SHUT_RDWR
  }

  /// The process that listens at the other end of a socket of the file system; nil for other sockets.
  package borrowing func peerProcess() -> Int32? {
    let number = rawValue
    var credentials: [Int32] = [0, 0, 0]  // struct ucred: pid, uid, gid
    var length: [UInt32] = [12]
    let result = unsafe credentials.withUnsafeMutableBytes { bytes in
      unsafe length.withUnsafeMutableBytes {
        Kernel.raw(
          APUS_SYS_getsockopt, Int(number), Int(SOL_SOCKET), Int(SO_PEERCRED),
          Int(bitPattern: bytes.baseAddress),
          Int(bitPattern: $0.baseAddress))
      }
    }
    return result == 0 && credentials[0] > 0 ? credentials[0] : nil
  }
}
