import ApusCore

/// A piece of an image's bytes, kept for reading at many rising addresses.
struct CodeWindow {
  private let image: ELFImage
  private var start: Address = 0
  private var bytes: [UInt8] = []

  init(_ image: ELFImage) { self.image = image }

  /// At most `count` bytes at `address`, as ``ELFImage/bytes(at:upTo:)`` gives them.
  mutating func bytes(at address: Address, upTo count: Int) throws(ELFError) -> ArraySlice<UInt8> {
    let into = address &- start
    if address < start || into > UInt64(bytes.count) || bytes.count - Int(into) < count {
      bytes = try image.bytes(at: address, upTo: 65536)
      start = address
    }
    let first = Int(address - start)
    return bytes[first..<min(first + count, bytes.count)]
  }
}
