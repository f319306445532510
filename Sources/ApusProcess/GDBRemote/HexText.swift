/// Numbers and bytes as hexadecimal text, as GDB's remote protocol writes them.
package enum HexText {
  /// Two lower-case digits a byte.
  package static func encode(_ bytes: some Collection<UInt8>) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count * 2)
    for byte in bytes {
      text.append(digit(byte >> 4))
      text.append(digit(byte & 15))
    }
    return text
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }

  /// A digit's value.
  static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case 0x30...0x39: digit - 0x30
    case 0x41...0x46: digit - 0x41 + 10
    case 0x61...0x66: digit - 0x61 + 10
    default: nil
    }
  }

  /// The bytes of a text of digit pairs; nil when it is none.
  package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 2)
    var high: UInt8?
    for digit in text {
      guard let value = value(digit) else { return nil }
      if let first = high {
        bytes.append(first << 4 | value)
        high = nil
      } else {
        high = value
      }
    }
    return high == nil ? bytes : nil
  }

  /// As `decode`, with zero for each byte that is written `xx`: one that is not available.
  package static func decodeRegisters(_ text: some Collection<UInt8>) -> [UInt8]? {
    let unavailable = UInt8(ascii: "x")
    var digits = Array(text)
    var index = 0
    while index + 1 < digits.count {
      if digits[index] == unavailable, digits[index + 1] == unavailable {
        digits[index] = UInt8(ascii: "0")
        digits[index + 1] = UInt8(ascii: "0")
      }
      index += 2
    }
    return decode(digits)
  }

  /// The number that a text of 1 digit or more stands for, most significant digit first; nil when it is none or too
  /// large.
  package static func number(_ text: some Collection<UInt8>) -> UInt64? {
    if text.isEmpty { return nil }
    var result: UInt64 = 0
    for digit in text {
      guard let value = value(digit), result >> 60 == 0 else { return nil }
      result = result << 4 | UInt64(value)
    }
    return result
  }
}
