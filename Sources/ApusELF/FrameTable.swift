import ApusCore

/// Where functions begin and end according to the unwind tables: what is left to know them by when a file is
/// stripped.
///
/// It reads the sorted table of `.eh_frame_hdr` (Linux Standard Base, "Exception Frames") and, of each entry
/// that is asked for, the range in `.eh_frame`.
struct FrameTable {
  private let image: ELFImage
  private let header: ByteReader
  private let headerAddress: Address
  private let count: Int

  /// The table of `image`; nil if it has none, or one in an encoding that no linker writes.
  init?(_ image: ELFImage) throws(ELFError) {
    guard let segment = image.segments.first(where: { $0.type == SegmentType.ehFrameHeader }) else {
      return nil
    }
    let bytes = try reading("frame table") { () throws(ByteError) in
      try image.source.bytes(at: segment.fileOffset, count: segment.fileSize)
    }
    // Version 1; pointer to .eh_frame: pcrel sdata4; count: udata4; table: datarel sdata4.
    guard bytes.starts(with: [1, 0x1b, 0x03, 0x3b]) else { return nil }
    self.image = image
    headerAddress = segment.address
    (header, count) = try reading("frame table") { () throws(ByteError) in
      var reader = ByteReader(bytes, baseOffset: segment.fileOffset)
      try reader.skip(8)
      let count = UInt64(try reader.readUInt32())
      return (try reader.take(count * 8), Int(count))
    }
  }

  /// The function that has `address` in its range.
  func range(containing address: Address) throws(ELFError) -> AddressRange? {
    let index = try indexAfter(address) - 1
    guard index >= 0 else { return nil }
    let range = try range(index)
    return range.contains(address) ? range : nil
  }

  /// The first function that begins above `address`.
  func range(after address: Address) throws(ELFError) -> AddressRange? {
    let index = try indexAfter(address)
    return index < count ? try range(index) : nil
  }

  private func entry(_ index: Int) throws(ELFError) -> (start: Address, frame: Address) {
    try reading("frame table") { () throws(ByteError) in
      var reader = try header.range(at: UInt64(index) * 8, count: 8)
      let start = try reader.read(Int32.self)
      let frame = try reader.read(Int32.self)
      return (
        headerAddress &+ UInt64(bitPattern: Int64(start)), headerAddress &+ UInt64(bitPattern: Int64(frame))
      )
    }
  }

  private func indexAfter(_ address: Address) throws(ELFError) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if try entry(middle).start <= address { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private func range(_ index: Int) throws(ELFError) -> AddressRange {
    let (start, frame) = try entry(index)
    let size = try frameSize(frame)
    return AddressRange(start, start.addingReportingOverflow(size).overflow ? .max : start + size)
  }

  /// The number of bytes that the frame description at `address` covers.
  private func frameSize(_ address: Address) throws(ELFError) -> UInt64 {
    let head = try image.bytes(at: address, upTo: 32)
    let pointer = try reading("frame description") { () throws(ByteError) in
      var reader = ByteReader(head)
      try reader.skip(4)
      return try reader.readUInt32()
    }
    let width = try pointerWidth(commonInformation: (address &+ 4) &- UInt64(pointer))
    return try reading("frame description") { () throws(ByteError) in
      var reader = ByteReader(head)
      try reader.skip(8 + UInt64(width))
      return width == 4 ? UInt64(try reader.readUInt32()) : try reader.readUInt64()
    }
  }

  /// How wide addresses are in the frame descriptions of the common information entry at `address`.
  private func pointerWidth(commonInformation address: Address) throws(ELFError) -> Int {
    let subject = "common frame information"
    let bytes = try image.bytes(at: address, upTo: 128)
    let encoding = try reading(subject) { () throws(ByteError) -> UInt8 in
      var reader = ByteReader(bytes)
      try reader.skip(8)
      let version = try reader.readUInt8()
      let augmentation = try reader.readCStringBytes()
      guard augmentation.first == UInt8(ascii: "z") else { return 0 }
      _ = try reader.readULEB128()
      _ = try reader.readSLEB128()
      if version == 1 { try reader.skip(1) } else { _ = try reader.readULEB128() }
      _ = try reader.readULEB128()
      for letter in augmentation.dropFirst() {
        switch letter {
        case UInt8(ascii: "R"): return try reader.readUInt8()
        case UInt8(ascii: "L"): try reader.skip(1)
        case UInt8(ascii: "P"): try reader.skip(try reader.readUInt8() & 7 == 3 ? 4 : 8)
        default: break
        }
      }
      return 0
    }
    // DW_EH_PE_absptr 0, udata4 3, udata8 4, and the same signed.
    switch encoding & 7 {
    case 3: return 4
    case 0, 4: return 8
    default: throw ELFError(.malformed("pointer encoding \(hexadecimal(encoding))"), in: subject)
    }
  }
}
