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
    while let length = NopRun.nopLength(rest, architecture) {
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
    switch architecture {
    case .x86_64: x86NopLength(bytes)
    case .arm64: bytes.starts(with: [0x1f, 0x20, 0x03, 0xd5]) ? 4 : nil  // nop
    case .ppc64le: bytes.starts(with: [0, 0, 0, 0x60]) ? 4 : nil  // ori 0,0,0
    }
  }

  /// `90` and `0f 1f /0` with any memory operand, each behind any number of the prefixes `66` and `2e` (Intel
  /// SDM, volume 2, NOP). `f3 90` is a pause, and no nop.
  private static func x86NopLength(_ bytes: ArraySlice<UInt8>) -> Int? {
    let first = bytes.startIndex
    let end = first + min(bytes.count, longest)
    var at = first
    while at < end, bytes[at] == 0x66 || bytes[at] == 0x2e { at += 1 }
    guard at < end else { return nil }
    if bytes[at] == 0x90 { return at + 1 - first }
    guard at + 2 < end, bytes[at] == 0x0f, bytes[at + 1] == 0x1f else { return nil }
    let modRM = bytes[at + 2]
    guard modRM >> 3 & 7 == 0 else { return nil }
    at += 3
    let mode = modRM >> 6
    if mode != 3, modRM & 7 == 4 {
      guard at < end else { return nil }
      // A base of 5 without displacement is a displacement of four bytes without base.
      if mode == 0, bytes[at] & 7 == 5 { at += 4 }
      at += 1
    } else if mode == 0, modRM & 7 == 5 {
      at += 4
    }
    if mode == 1 { at += 1 }
    if mode == 2 { at += 4 }
    return at <= end ? at - first : nil
  }
}
