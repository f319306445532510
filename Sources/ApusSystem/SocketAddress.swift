internal import Glibc

/// Where a stream socket leads: a port of a host, or a socket in the file system.
package enum SocketAddress: Sendable, Hashable {
  /// A numeric IPv4 or IPv6 address and a port.
  case tcp(host: String, port: UInt16)
  /// A path.
  case unix(path: String)

  /// `PORT`, `:PORT`, `HOST:PORT`, `[IPv6]:PORT`, or a path with a slash in it. The host is a numeric address or
  /// `localhost` (names are not looked up); without one, 127.0.0.1.
  ///
  /// - Returns: nil when it is none of these.
  package init?(_ text: String) {
    if text.contains("/") {
      guard text.utf8.count < SocketAddress.pathRoom, !text.utf8.contains(0) else { return nil }
      self = .unix(path: text)
      return
    }
    var host = ""
    var port = text
    if let colon = text.lastIndex(of: ":") {
      host = String(text[..<colon])
      port = String(text[text.index(after: colon)...])
    }
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = String(host.dropFirst().dropLast())
    } else if host.contains(":") {
      return nil
    }
    if host.isEmpty || host == "localhost" { host = "127.0.0.1" }
    guard port.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt16(port), number > 0 else {
      return nil
    }
    self = .tcp(host: host, port: number)
    if bytes == nil { return nil }
  }

  /// The room for a path in sockaddr_un, its zero included.
  static let pathRoom = 108

  /// AF_UNIX, AF_INET or AF_INET6, and the socket address structure; nil when the host is not a numeric address.
  var bytes: (family: Int32, structure: [UInt8])? {
    switch self {
    case .unix(let path):
      let name = Array(path.utf8)
      guard name.count < Self.pathRoom else { return nil }
      return (AF_UNIX, Self.family(AF_UNIX) + name + [0])
    case .tcp(let host, let port):
      let portBytes = [UInt8(port >> 8), UInt8(port & 0xff)]
      if let address = Self.parse(host, AF_INET, count: 4) {
        return (AF_INET, Self.family(AF_INET) + portBytes + address + [UInt8](repeating: 0, count: 8))
      }
      guard let address = Self.parse(host, AF_INET6, count: 16) else { return nil }
      return (AF_INET6, Self.family(AF_INET6) + portBytes + [0, 0, 0, 0] + address + [0, 0, 0, 0])
    }
  }

  /// sa_family: 16 bits in this machine's byte order.
  private static func family(_ number: Int32) -> [UInt8] {
    unsafe withUnsafeBytes(of: UInt16(number)) { unsafe Array($0) }
  }

  private static func parse(_ host: String, _ family: Int32, count: Int) -> [UInt8]? {
    var address = [UInt8](repeating: 0, count: count)
    let isGood = unsafe address.withUnsafeMutableBytes { unsafe inet_pton(family, host, $0.baseAddress) } == 1
    return isGood ? address : nil
  }
}

extension SocketAddress: CustomStringConvertible {
  /// As it is written on a command line.
  package var description: String {
    switch self {
    case .unix(let path): path
    case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
  }
}
