package import ApusCore
package import ApusELF

/// The records of an object file's `.eh_frame` (Linux Standard Base, "Exception Frames"): how to unwind each function.
package struct UnwindRecords: Sendable {
  /// What several functions have in common (CIE).
  package struct Common: Sendable, Hashable {
    /// In the section, its length word included.
    package var range: Range<UInt64>
  }
  /// One function's (FDE).
  package struct Frame: Sendable, Hashable {
    /// In the section, its length word included.
    package var range: Range<UInt64>
    /// Offset of the common record.
    package var common: UInt64
    /// The offset of the function's address, where a relocation is.
    package var functionPlace: UInt64
    /// The offset of the address of the table of its landing pads (LSDA), where a relocation is, if it has one.
    package var landingPlace: UInt64?
    /// The call-frame instructions.
    package var instructions: Range<UInt64>
  }

  /// The section's number.
  package var section: Int
  /// By offset.
  package var commons: [UInt64: Common] = [:]
  package var frames: [Frame] = []

  /// How pointers in the frames of one common record are written.
  private struct Encoding {
    var pointerWidth: UInt64 = 8
    var landingWidth: UInt64?
    var hasAugmentation = false
  }

  /// Reads section `index` of `object`.
  package init(_ object: ObjectFile, section index: Int) throws(ELFError) {
    section = index
    let bytes = object.sections[index].bytes
    do throws(ByteError) {
      var encodings: [UInt64: Encoding] = [:]
      var reader = ByteReader(bytes)
      while reader.remaining >= 4 {
        let start = UInt64(reader.offset)
        let length = UInt64(try reader.readUInt32())
        if length == 0 { continue }
        guard length < 0xffff_fff0 else { throw ByteError(.pastEnd(needed: length, available: 0), at: start) }
        var body = try reader.take(length)
        let end = start + 4 + length
        let pointer = UInt64(try body.readUInt32())
        if pointer == 0 {
          commons[start] = Common(range: start..<end)
          encodings[start] = try Self.encoding(&body)
        } else {
          let common = start &+ 4 &- pointer
          guard let encoding = encodings[common] else { continue }
          var frame = Frame(
            range: start..<end, common: common, functionPlace: start + 8, instructions: end..<end)
          try body.skip(2 * encoding.pointerWidth)
          if encoding.hasAugmentation {
            let count = try body.readULEB128()
            let place = start + 4 + UInt64(body.offset)
            if let width = encoding.landingWidth, count >= width { frame.landingPlace = place }
            try body.skip(count)
          }
          frame.instructions = start + 4 + UInt64(body.offset)..<end
          frames.append(frame)
        }
      }
    } catch { throw ELFError(.bytes(error), in: object.sections[index].name) }
  }

  private static func width(_ encoding: UInt8) -> UInt64 {
    switch encoding & 7 {
    case 2: 2
    case 3: 4
    default: 8
    }
  }

  private static func encoding(_ body: inout ByteReader) throws(ByteError) -> Encoding {
    var result = Encoding()
    let version = try body.readUInt8()
    let augmentation = try body.readCStringBytes()
    _ = try body.readULEB128()
    _ = try body.readSLEB128()
    if version == 1 { try body.skip(1) } else { _ = try body.readULEB128() }
    guard augmentation.first == UInt8(ascii: "z") else { return result }
    result.hasAugmentation = true
    _ = try body.readULEB128()
    for letter in augmentation.dropFirst() {
      switch letter {
      case UInt8(ascii: "R"): result.pointerWidth = width(try body.readUInt8())
      case UInt8(ascii: "L"):
        let encoding = try body.readUInt8()
        if encoding != 0xff { result.landingWidth = width(encoding) }
      case UInt8(ascii: "P"): try body.skip(width(try body.readUInt8()))
      default: break
      }
    }
    return result
  }
}
