/// Memory of a process, an image of it, or a model: something with bytes at addresses.
package protocol MemoryReader {
  /// The `count` bytes at `address`; all of them or an error.
  func read(at address: Address, count: Int) throws(MemoryError) -> [UInt8]
}

/// Why memory could not be read.
package struct MemoryError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Where reading began.
  package var address: Address
  /// How many bytes were wanted.
  package var count: Int
  /// What stood in the way, for people.
  package var reason: String

  /// Describes a failure to read `count` bytes at `address`.
  package init(address: Address, count: Int, reason: String) {
    self.address = address
    self.count = count
    self.reason = reason
  }

  package var description: String { "cannot read \(count) bytes at \(hexadecimal(address)): \(reason)" }
}

extension MemoryReader {
  /// The little-endian number at `address`.
  package func read<T: FixedWidthInteger & BitwiseCopyable>(
    _ type: T.Type, at address: Address
  ) throws(MemoryError) -> T {
    let bytes = try read(at: address, count: T.bitWidth / 8)
    var value: T = 0
    for (index, byte) in bytes.prefix(T.bitWidth / 8).enumerated() {
      value |= T(truncatingIfNeeded: byte) << T(truncatingIfNeeded: index * 8)
    }
    return value
  }
}
