extension ARM64 {
  /// A 64-bit value that logical instructions can hold: an element of 2 to 64 bits, repeated, that is a rotated run of
  /// ones (Arm ARM, DecodeBitMasks).
  package struct BitMask: Sendable, Hashable {
    /// N, immr and imms, in place.
    let field: UInt32

    /// Nil for values that have no such form.
    package init?(_ value: UInt64) {
      guard value != 0, value != ~0 else { return nil }
      var size: UInt64 = 64
      while size > 2 {
        let half = size / 2
        let mask: UInt64 = (1 << half) - 1
        guard value & mask == (value >> half) & mask else { break }
        size = half
      }
      let mask: UInt64 = size == 64 ? ~0 : (1 << size) - 1
      let element = value & mask
      let ones = UInt64(element.nonzeroBitCount)
      let run: UInt64 = (1 << ones) - 1
      for rotation in 0..<size {
        let rotated = rotation == 0 ? run : (run >> rotation | run << (size - rotation)) & mask
        guard rotated == element else { continue }
        // imms: the element's size in its high bits (111100 for 2), the length of the run less one in the low ones.
        let imms = UInt32(truncatingIfNeeded: (~(size * 2 - 1) & 0x3f) | (ones - 1))
        field =
          (size == 64 ? 1 << 22 : 0) | UInt32(truncatingIfNeeded: rotation) << 16 | (imms & 0x3f) << 10
        return
      }
      return nil
    }
  }

  /// The four 16-bit parts of a value, lowest first.
  private static func part(_ value: UInt64, _ index: Int) -> UInt16 {
    UInt16(truncatingIfNeeded: value >> UInt64(16 * index))
  }

  /// How many `movz`, `movn` and `movk` a value takes at least.
  package static func moveCount(_ value: UInt64) -> Int {
    let zeros = (0..<4).count { part(value, $0) == 0 }
    let ones = (0..<4).count { part(value, $0) == 0xffff }
    return max(1, 4 - max(zeros, ones))
  }
}

extension ARM64.Encoder {
  /// A constant, by `movz` or `movn` and as many `movk` as it takes; if `count` is given, of exactly so many instructions
  /// (at least ``ARM64/moveCount(_:)`` of the value, at most 4; the ones that are not needed repeat what is there).
  package mutating func constant(_ destination: Register, _ value: UInt64, count: Int? = nil) {
    let parts = (0..<4).map { UInt16(truncatingIfNeeded: value >> UInt64(16 * $0)) }
    let inverted = parts.count { $0 == 0xffff } > parts.count { $0 == 0 }
    let background: UInt16 = inverted ? 0xffff : 0
    let count = count ?? ARM64.moveCount(value)
    var chosen = (0..<4).filter { parts[$0] != background }
    for index in 0..<4 where chosen.count < count && !chosen.contains(index) { chosen.append(index) }
    guard let first = chosen.first else { return }
    if inverted {
      moveNot(destination, ~parts[first], part: first)
    } else {
      moveZero(destination, parts[first], part: first)
    }
    for index in chosen.dropFirst() { moveKeep(destination, parts[index], part: index) }
  }
}
