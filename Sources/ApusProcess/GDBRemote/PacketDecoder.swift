/// Takes a stream of bytes from a server apart.
package struct PacketDecoder: Sendable {
  /// A piece of the stream.
  package enum Element: Sendable, Equatable {
    /// `$data#checksum`: an answer. Run lengths are expanded, escapes are left.
    case packet([UInt8])
    /// `%data#checksum`: a notification, which nobody acknowledges.
    case notification([UInt8])
    /// `+`: the last packet of ours has arrived.
    case acknowledged
    /// `-`: it has not, and is to be sent again.
    case rejected
    /// A packet whose checksum is wrong; it is to be sent again.
    case damaged
  }

  /// The most bytes that a packet may have, before and after the expansion of run lengths.
  package let limit: Int
  private var buffer: [UInt8] = []
  private var start = 0
  /// How far the packet that begins at `start` has been searched for its end.
  private var searched = 0

  /// A decoder at the beginning of a stream.
  package init(limit: Int = 1 << 20) { self.limit = limit }

  /// Adds bytes that have arrived.
  package mutating func feed(_ bytes: [UInt8]) {
    if start > 65536 || start == buffer.count {
      buffer.removeFirst(start)
      searched = max(0, searched - start)
      start = 0
    }
    buffer += bytes
  }

  /// The next piece; nil when more bytes must arrive first. Bytes between packets that mean nothing are skipped.
  package mutating func next() throws(RemoteError) -> Element? {
    while start < buffer.count {
      let first = buffer[start]
      if first == RemotePacket.dollar || first == RemotePacket.percent {
        return try packet(isNotification: first == RemotePacket.percent)
      }
      start += 1
      if first == RemotePacket.plus { return .acknowledged }
      if first == RemotePacket.minus { return .rejected }
    }
    return nil
  }

  private mutating func packet(isNotification: Bool) throws(RemoteError) -> Element? {
    var end = max(searched, start + 1)
    while end < buffer.count, buffer[end] != RemotePacket.hash { end += 1 }
    searched = end
    if end - start > limit { throw .malformed(what: "packet", why: "it is longer than \(limit) bytes") }
    guard end + 2 < buffer.count else { return nil }
    let data = buffer[(start + 1)..<end]
    let sum = HexText.decode(buffer[(end + 1)...(end + 2)])
    start = end + 3
    searched = start
    guard sum == [RemotePacket.checksum(data)] else { return .damaged }
    let expanded = try RemotePacket.expanded(data, limit: limit)
    return isNotification ? .notification(expanded) : .packet(expanded)
  }
}
