/// The packets of GDB's remote protocol (GDB's manual, appendix E.1): `$data#checksum`, the checksum being the sum of
/// the data's bytes modulo 256 as two hexadecimal digits.
package enum RemotePacket {
  static let dollar = UInt8(ascii: "$")
  static let hash = UInt8(ascii: "#")
  static let percent = UInt8(ascii: "%")
  static let star = UInt8(ascii: "*")
  static let brace = UInt8(ascii: "}")
  static let plus = UInt8(ascii: "+")
  static let minus = UInt8(ascii: "-")
  /// What a server takes for Ctrl-C.
  static let interrupt: UInt8 = 3

  /// A packet around data in which nothing needs an escape any more.
  package static func framed(_ data: [UInt8]) -> [UInt8] {
    [dollar] + data + [hash] + HexText.encode([checksum(data)])
  }

  static func checksum(_ data: some Sequence<UInt8>) -> UInt8 { data.reduce(0, &+) }

  /// Binary data as it stands in a packet: `#`, `$`, `}` and `*` become `}` and the byte exclusive-or 0x20.
  package static func escaped(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count + 16)
    for byte in bytes {
      switch byte {
      case hash, dollar, brace, star: result += [brace, byte ^ 0x20]
      default: result.append(byte)
      }
    }
    return result
  }

  /// Binary data of an answer, its escapes undone.
  package static func unescaped(_ data: some Sequence<UInt8>) throws(RemoteError) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(data.underestimatedCount)
    var isEscaped = false
    for byte in data {
      if isEscaped {
        result.append(byte ^ 0x20)
        isEscaped = false
      } else if byte == brace {
        isEscaped = true
      } else {
        result.append(byte)
      }
    }
    if isEscaped { throw .malformed(what: "binary answer", why: "it ends in an escape") }
    return result
  }

  /// Undoes the run-length encoding: `x*n` stands for x and as many further x as n's code less 29.
  ///
  /// - Parameter limit: the most bytes that may come of it.
  package static func expanded(_ data: some Collection<UInt8>, limit: Int) throws(RemoteError) -> [UInt8] {
    if !data.contains(star), data.count <= limit { return Array(data) }
    var result: [UInt8] = []
    result.reserveCapacity(data.underestimatedCount)
    var awaitsCount = false
    for byte in data {
      if awaitsCount {
        guard let last = result.last, (32...126).contains(byte) else {
          throw .malformed(what: "packet", why: "its run-length encoding is wrong")
        }
        result += repeatElement(last, count: Int(byte) - 29)
        awaitsCount = false
      } else if byte == star {
        awaitsCount = true
      } else {
        result.append(byte)
      }
      if result.count > limit { throw .malformed(what: "packet", why: "it is longer than \(limit) bytes") }
    }
    if awaitsCount { throw .malformed(what: "packet", why: "its run-length encoding is cut off") }
    return result
  }
}
