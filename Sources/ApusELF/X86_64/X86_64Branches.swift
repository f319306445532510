/// Every place in x86_64 code that could be a direct jump, if an instruction began there: `jmp`, `jcc`,
/// `loop` and `jrcxz` with displacements of one byte or four.
struct X86_64Branches: Sequence, IteratorProtocol {
  private let bytes: [UInt8]
  private var at = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The next such place: the offset of the byte behind it, and the displacement from there.
  mutating func next() -> (end: Int, displacement: Int32)? {
    while at < bytes.count {
      let offset = at
      at += 1
      switch bytes[offset] {
      case 0x70...0x7f, 0xe0...0xe3, 0xeb:
        guard offset + 1 < bytes.count else { continue }
        return (offset + 2, Int32(Int8(bitPattern: bytes[offset + 1])))
      case 0xe9:
        if let displacement = word(offset + 1) { return (offset + 5, displacement) }
      case 0x0f where offset + 1 < bytes.count && bytes[offset + 1] & 0xf0 == 0x80:
        if let displacement = word(offset + 2) { return (offset + 6, displacement) }
      default: break
      }
    }
    return nil
  }

  private func word(_ offset: Int) -> Int32? {
    guard offset + 4 <= bytes.count else { return nil }
    return Int32(
      bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32($1 * 8) })
  }
}
