/// One event of a thread.
package struct TraceEvent: Sendable, Hashable {
  /// What happened. Raw values are not part of the file's format.
  package enum Kind: UInt8, Sendable, CaseIterable {
    /// The innermost frame's function was left by a tail call to `value`.
    case tail = 0
    /// `value` was called.
    case entry = 1
    /// `value` returned.
    case `return` = 2
    /// `value` innermost frames were left without returning.
    case unwound = 3
    /// Events were lost; `value` innermost frames returned unseen.
    case gap = 4
    /// What follows is on stack chunk `value`.
    case stack = 5
    /// `value` returned, and the thread did not have it open.
    case unmatched = 6
    /// An event of a later version.
    case unknown = 7
    /// The next event, an entry or a tail call, has the register file `value` of this chunk.
    case registers = 8
  }

  /// Counter, or nanoseconds since the first anchor, as asked of the stream; without meaning (0 in a trace
  /// that never was timed) in untimed chunks.
  package var time: UInt64
  /// A function's identifier, a count or an index: 24 bits.
  package var value: UInt32
  /// What happened.
  package var kind: Kind

  /// An event.
  @inlinable package init(time: UInt64, value: UInt32, kind: Kind) {
    self.time = time
    self.value = value
    self.kind = kind
  }
}
