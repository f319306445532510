extension ByteReader {
  /// Reads an unsigned LEB128 number (DWARF 5, 7.6); padding with zero groups is allowed.
  package mutating func readULEB128() throws(ByteError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    var at = position
    while at < end {
      let byte = bytes[at]
      at += 1
      let group = UInt64(byte & 0x7f)
      if shift < 64 {
        let shifted = group << shift
        guard shifted >> shift == group else { throw ByteError(.oversizedLEB128, at: absoluteOffset) }
        value |= shifted
      } else if group != 0 {
        throw ByteError(.oversizedLEB128, at: absoluteOffset)
      }
      shift += 7
      if byte & 0x80 == 0 {
        advance(to: at)
        return value
      }
    }
    throw ByteError(
      .pastEnd(needed: UInt64(at - position) + 1, available: UInt64(remaining)), at: absoluteOffset)
  }

  /// Reads a signed LEB128 number (DWARF 5, 7.6); padding with sign groups is allowed.
  package mutating func readSLEB128() throws(ByteError) -> Int64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    var at = position
    while at < end {
      let byte = bytes[at]
      at += 1
      let group = UInt64(byte & 0x7f)
      if shift < 63 {
        value |= group << shift
      } else {
        // From bit 63 on, every bit must repeat the sign.
        let sign: UInt64
        if shift == 63 {
          value |= group << 63
          sign = group & 1
        } else {
          sign = value >> 63
        }
        guard group == (sign == 1 ? 0x7f : 0) else { throw ByteError(.oversizedLEB128, at: absoluteOffset) }
      }
      shift += 7
      if byte & 0x80 == 0 {
        if shift < 64, byte & 0x40 != 0 { value |= ~0 << shift }
        advance(to: at)
        return Int64(bitPattern: value)
      }
    }
    throw ByteError(
      .pastEnd(needed: UInt64(at - position) + 1, available: UInt64(remaining)), at: absoluteOffset)
  }

  /// Reads the bytes up to the next zero, and steps over the zero.
  package mutating func readCStringBytes() throws(ByteError) -> [UInt8] {
    guard let zero = bytes[position..<end].firstIndex(of: 0) else {
      throw ByteError(.unterminatedString, at: absoluteOffset)
    }
    let text = Array(bytes[position..<zero])
    advance(to: zero + 1)
    return text
  }

  /// Reads a zero-terminated string; invalid UTF-8 becomes replacement characters.
  package mutating func readCString() throws(ByteError) -> String {
    guard let zero = bytes[position..<end].firstIndex(of: 0) else {
      throw ByteError(.unterminatedString, at: absoluteOffset)
    }
    let text = String(decoding: bytes[position..<zero], as: UTF8.self)
    advance(to: zero + 1)
    return text
  }
}
