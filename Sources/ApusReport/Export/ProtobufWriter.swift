/// The protocol buffers wire format, as far as we write it (protobuf.dev, "Encoding").
struct ProtobufWriter {
  /// What has been written.
  var bytes: [UInt8] = []

  @inline(__always) mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  /// A field of wire type 0.
  @inline(__always) mutating func field(_ number: UInt64, _ value: UInt64) {
    varint(number << 3)
    varint(value)
  }

  /// A field of wire type 2.
  mutating func field(_ number: UInt64, _ value: [UInt8]) {
    varint(number << 3 | 2)
    varint(UInt64(value.count))
    bytes.append(contentsOf: value)
  }

  /// A string.
  mutating func field(_ number: UInt64, _ value: String) { field(number, Array(value.utf8)) }

  /// A message, which `body` writes.
  mutating func message(_ number: UInt64, _ body: (inout ProtobufWriter) -> Void) {
    var inner = ProtobufWriter()
    body(&inner)
    field(number, inner.bytes)
  }
}
