package import ApusCore

/// Nops, one behind the other, as compilers leave them at call sites.
package struct NopRun {
  /// How many bytes each takes, in order.
  package private(set) var lengths: [Int] = []
  /// Whether the bytes given ended before the nops did, so that there may be more.
  package private(set) var isCutOff = false

  /// All of their bytes.
  package var count: Int { lengths.reduce(0, +) }

  /// The nops at the beginning of `bytes`, an instruction's boundary.
  package init(_ bytes: ArraySlice<UInt8>, _ architecture: Architecture) {
    var rest = bytes
    let callSites = architecture.callSites
    while let length = callSites.nopLength(rest) {
      lengths.append(length)
      rest = rest.dropFirst(length)
    }
    isCutOff = rest.count < NopRun.longest
  }

  /// gcc's nops are single bytes, and the assembler's padding behind them (for a loop that begins there) is
  /// not: without that padding.
  package mutating func dropPadding() {
    guard lengths.first == 1, let padding = lengths.firstIndex(where: { $0 > 1 }) else { return }
    lengths.removeSubrange(padding...)
    isCutOff = false
  }

  /// Shortens the run to the last boundary at or below `limit` bytes.
  package mutating func limit(to limit: Int) {
    while count > limit, !lengths.isEmpty {
      lengths.removeLast()
      isCutOff = false
    }
  }

  /// The first boundary at or above `offset` bytes.
  package func boundary(from offset: Int) -> Int? {
    var at = 0
    for length in lengths {
      if at >= offset { break }
      at += length
    }
    return at >= offset ? at : nil
  }

  /// No instruction is longer.
  static let longest = 15

  /// The length of the nop that `bytes` begin with; nil if that is none, or not all there.
  package static func nopLength(_ bytes: ArraySlice<UInt8>, _ architecture: Architecture) -> Int? {
    architecture.callSites.nopLength(bytes)
  }
}
