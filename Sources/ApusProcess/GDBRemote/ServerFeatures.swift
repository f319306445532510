/// What a server says of itself in its answer to `qSupported`: `name+`, `name-`, `name?`, or `name=value`.
package struct ServerFeatures: Sendable, Equatable {
  /// The names that were given with `+`.
  package private(set) var supported: Set<String> = []
  /// The values of those that have one.
  package private(set) var values: [String: String] = [:]

  /// Reads the answer; parts that mean nothing are passed over, as the manual asks.
  package init(_ answer: [UInt8]) {
    for part in answer.split(separator: UInt8(ascii: ";")) {
      if let equals = part.firstIndex(of: UInt8(ascii: "=")) {
        let name = String(decoding: part[..<equals], as: UTF8.self)
        values[name] = String(decoding: part[(equals + 1)...], as: UTF8.self)
      } else if part.last == UInt8(ascii: "+") {
        supported.insert(String(decoding: part.dropLast(), as: UTF8.self))
      }
    }
  }

  /// Whether the server has a feature.
  package func has(_ name: String) -> Bool { supported.contains(name) }

  /// The most bytes that a packet to the server may have, without its frame. What is too small or absurd is corrected.
  package var packetSize: Int {
    let told = values["PacketSize"].flatMap { HexText.number(Array($0.utf8)) } ?? 400
    return Int(min(max(told, 64), 1 << 17))
  }
}
