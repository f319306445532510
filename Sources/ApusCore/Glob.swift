/// A pattern over names, matched byte by byte against the whole name.
///
/// `*` stands for any bytes, `?` for one, `[a-z]` for one of a set, `[!a-z]` (or `[^a-z]`) for one not in it,
/// `\` takes the next byte literally. `]` first in a set is a member; a `[` that is never closed is a plain
/// `[`, so `operator[]` matches itself. Every pattern is valid.
///
/// Time is proportional to the name's length times the pattern's length divided by 64, whatever the pattern:
/// the matcher is a bit-parallel automaton without backtracking.
package struct Glob: Sendable, Hashable, CustomStringConvertible {
  /// The pattern as it was written.
  package let pattern: String
  /// The bytes that are not `*` are counted, n of them; state p, a bit, says "p of them have been matched".
  /// `words` UInt64s hold the n + 1 states.
  private let words: Int
  /// For each byte value, `words` words: bit p is set if the pattern's byte p may be this one.
  private let masks: [UInt64]
  /// Bit p is set if a `*` stands before the pattern's byte p (or, p = n, at the end).
  private let stars: [UInt64]
  private let length: Int

  /// Compiles `pattern`.
  package init(_ pattern: String) {
    self.pattern = pattern
    let bytes = Array(pattern.utf8)
    var sets: [ByteSet] = []
    var starsBefore: [Int] = []
    var at = 0
    while at < bytes.count {
      let byte = bytes[at]
      at += 1
      switch byte {
      case UInt8(ascii: "*"): starsBefore.append(sets.count)
      case UInt8(ascii: "?"): sets.append(.all)
      case UInt8(ascii: "["):
        if let (set, after) = ByteSet.parse(bytes, after: at) {
          sets.append(set)
          at = after
        } else {
          sets.append(ByteSet(byte))
        }
      case UInt8(ascii: "\\") where at < bytes.count:
        sets.append(ByteSet(bytes[at]))
        at += 1
      default: sets.append(ByteSet(byte))
      }
    }
    length = sets.count
    words = length / 64 + 1
    var masks = [UInt64](repeating: 0, count: 256 * words)
    for (position, set) in sets.enumerated() {
      for value in 0..<256 where set.contains(UInt8(value)) {
        masks[value * words + position / 64] |= 1 << UInt64(position % 64)
      }
    }
    var stars = [UInt64](repeating: 0, count: words)
    for position in starsBefore { stars[position / 64] |= 1 << UInt64(position % 64) }
    self.masks = masks
    self.stars = stars
  }

  package var description: String { pattern }

  /// Whether the whole of `name` matches.
  package func matches(_ name: String) -> Bool { matches(bytes: name.utf8) }

  /// Whether all of `bytes` match.
  package func matches(bytes: some Sequence<UInt8>) -> Bool {
    words == 1 ? matchesNarrow(bytes) : matchesWide(bytes)
  }

  /// The states fit one word.
  private func matchesNarrow(_ bytes: some Sequence<UInt8>) -> Bool {
    let star = stars[0]
    var state: UInt64 = 1
    for byte in bytes {
      state = ((state & masks[Int(byte)]) << 1) | (state & star)
      if state == 0 { return false }
    }
    return state >> UInt64(length) & 1 == 1
  }

  /// The states take several words; a carry goes from each to the next.
  private func matchesWide(_ bytes: some Sequence<UInt8>) -> Bool {
    var state = [UInt64](repeating: 0, count: words)
    state[0] = 1
    for byte in bytes {
      let row = Int(byte) * words
      var carry: UInt64 = 0
      for word in 0..<words {
        let matched = state[word] & masks[row + word]
        state[word] = (matched << 1) | carry | (state[word] & stars[word])
        carry = matched >> 63
      }
    }
    return state[length / 64] >> UInt64(length % 64) & 1 == 1
  }
}
