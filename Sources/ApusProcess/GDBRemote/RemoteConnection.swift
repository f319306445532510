internal import ApusSystem

/// A connection to a server of GDB's remote protocol: whole packets there and back.
///
/// One request is under way at a time. Guarded by: the thread that uses it.
final class RemoteConnection {
  /// What has come by itself or as an answer.
  enum Incoming {
    case packet([UInt8])
    case notification([UInt8])
  }

  /// How long an answer may take.
  let timeoutMilliseconds: Int
  /// What has come between answers and has not been taken.
  private(set) var notifications: [[UInt8]] = []

  private let socket: StreamSocket
  private var decoder = PacketDecoder()
  private var acknowledges = true
  private var lastSent: [UInt8] = []
  private var lastRequest = "connecting"

  init(
    to address: SocketAddress, timeoutMilliseconds: Int, patienceMilliseconds: Int
  ) throws(RemoteError) {
    self.timeoutMilliseconds = timeoutMilliseconds
    do throws(SystemError) {
      socket = try StreamSocket.connect(
        to: address, timeoutMilliseconds: timeoutMilliseconds, patienceMilliseconds: patienceMilliseconds)
    } catch { throw .unreachable(address, error) }
  }

  /// The process that listens at the other end, if that is a socket of the file system.
  var peerProcess: Int32? { socket.peerProcess() }

  /// Ends it.
  func close() { socket.shutdown() }

  /// Asks the server not to acknowledge packets, and does not any more either, if it agrees.
  func stopAcknowledging() throws(RemoteError) {
    if try exchange("QStartNoAckMode") == Array("OK".utf8) { acknowledges = false }
  }

  /// Sends a request and takes its answer. Notifications that come first are kept.
  func exchange(_ request: String) throws(RemoteError) -> [UInt8] { try exchange(Array(request.utf8)) }

  /// Sends a request and takes its answer. Notifications that come first are kept.
  func exchange(_ request: [UInt8]) throws(RemoteError) -> [UInt8] {
    try send(request)
    while true {
      switch try receive(timeoutMilliseconds: timeoutMilliseconds, waker: nil) {
      case .packet(let data)?: return data
      case .notification(let data)?: notifications.append(data)
      case nil: throw .silent(request: lastRequest, milliseconds: timeoutMilliseconds)
      }
    }
  }

  /// The first notification that has been kept.
  func takeNotification() -> [UInt8]? { notifications.isEmpty ? nil : notifications.removeFirst() }

  /// Sends a request whose answer comes some time.
  func send(_ request: [UInt8]) throws(RemoteError) {
    let words = request.prefix { (32...126).contains($0) }
    lastRequest = String(decoding: words.prefix(60), as: UTF8.self)
    lastSent = RemotePacket.framed(request)
    try transmit(lastSent)
  }

  /// Sends what Ctrl-C sends in a debugger.
  func sendInterrupt() throws(RemoteError) {
    lastRequest = "an interrupt"
    try transmit([RemotePacket.interrupt])
  }

  private func transmit(_ bytes: [UInt8]) throws(RemoteError) {
    do throws(SystemError) { try socket.send(bytes) } catch {
      throw Self.isEnd(error) ? .closed(after: lastRequest) : .connection(error)
    }
  }

  private static func isEnd(_ error: SystemError) -> Bool {
    error.errno == .brokenPipe || error.errno == .connectionReset
  }

  /// The next packet or notification that comes; nil when the time is over or the waker was used.
  ///
  /// - Parameter timeoutMilliseconds: nil waits for ever.
  func receive(timeoutMilliseconds: Int?, waker: Waker?) throws(RemoteError) -> Incoming? {
    let start = Clock.monotonic.now()
    var rejections = 0
    while true {
      while let element = try decoder.next() {
        switch element {
        case .packet(let data):
          if acknowledges { try transmit([RemotePacket.plus]) }
          return .packet(data)
        case .notification(let data): return .notification(data)
        case .acknowledged: continue
        case .rejected, .damaged:
          // Over a stream nothing is damaged on the way: a few may be a server's slip, more are not.
          rejections += 1
          guard acknowledges, rejections < 4 else {
            throw .malformed(what: "packet", why: "its checksum is wrong, after \(lastRequest)")
          }
          try transmit(element == .damaged ? [RemotePacket.minus] : lastSent)
        }
      }
      var rest: Int?
      if let timeoutMilliseconds {
        let gone = Int(clamping: (Clock.monotonic.now() &- start) / 1_000_000)
        rest = max(0, timeoutMilliseconds - gone)
      }
      if try !awaitBytes(rest, waker) { return nil }
    }
  }

  private func awaitBytes(_ timeoutMilliseconds: Int?, _ waker: Waker?) throws(RemoteError) -> Bool {
    do throws(SystemError) {
      let descriptors = [socket.rawValue] + (waker.map { [$0.event.rawValue] } ?? [])
      let isReady = try Poll.readable(descriptors, timeoutMilliseconds: timeoutMilliseconds)
      if isReady[0] {
        let bytes = try socket.receive()
        if bytes.isEmpty { throw SystemError(call: "recv", errno: .connectionReset) }
        decoder.feed(bytes)
        return true
      }
      if let waker, isReady[1], waker.event.take() > 0 { return false }
      return timeoutMilliseconds != 0
    } catch {
      throw Self.isEnd(error) ? .closed(after: lastRequest) : .connection(error)
    }
  }
}
