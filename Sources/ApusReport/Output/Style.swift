/// Whether to use colours.
package enum ColorMode: Sendable, Hashable {
  /// Plain text.
  case none
  /// SGR escape sequences (ECMA-48, 8.3.117).
  case ansi

  func paint(_ text: String, _ style: TextStyle) -> String {
    self == .ansi ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
  }
}

/// What is coloured.
enum TextStyle: String {
  case heading = "1"
  case faint = "2"
  case warm = "33"
  case hot = "31"
  case cool = "36"
}

/// Nanoseconds for people: three decimals and the unit, as "12.345 us"; whole ones below a microsecond.
func humanDuration(_ nanoseconds: UInt64) -> String {
  let (unit, name): (UInt64, String) =
    switch nanoseconds {
    case 0..<1_000: (1, "ns")
    case 1_000..<1_000_000: (1_000, "us")
    case 1_000_000..<1_000_000_000: (1_000_000, "ms")
    default: (1_000_000_000, " s")
    }
  if unit == 1 { return "\(nanoseconds) \(name)" }
  let thousandths = nanoseconds % unit / (unit / 1000)
  return "\(nanoseconds / unit).\(padded(thousandths, 3)) \(name)"
}

/// A duration's colour: by its unit.
func durationStyle(_ nanoseconds: UInt64) -> TextStyle? {
  if nanoseconds >= 1_000_000_000 { return .hot }
  return nanoseconds >= 1_000_000 ? .warm : nil
}

/// A number with leading zeros.
func padded(_ number: UInt64, _ width: Int) -> String {
  let text = String(number)
  return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
}

/// Text to the right of a column.
func right(_ text: String, _ width: Int) -> String {
  String(repeating: " ", count: max(0, width - text.count)) + text
}

/// Text to the left of a column.
func left(_ text: String, _ width: Int) -> String {
  text + String(repeating: " ", count: max(0, width - text.count))
}

/// A share in percent with two decimals, computed in integers; 0 of 0 is 0.
func percentText(_ part: UInt64, of whole: UInt64) -> String {
  guard whole > 0 else { return "0.00" }
  let product = part.multipliedFullWidth(by: 10_000)
  guard product.high < whole else { return "100.00" }
  let hundredths = whole.dividingFullWidth(product).quotient
  return "\(hundredths / 100).\(padded(hundredths % 100, 2))"
}
