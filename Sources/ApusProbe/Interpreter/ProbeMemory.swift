/// How a memory access of a probe program is ordered against other accesses of the same thread.
package enum ProbeOrder: Sendable, Hashable {
  /// No order: other threads may see it before or after its neighbours.
  case plain
  /// A load that no later access of this thread may pass.
  case acquire
  /// A store that no earlier access of this thread may pass.
  case release
  /// A half of an atomic operation: the load comes first, the store (if any) follows in the same step; nothing of
  /// any thread comes between them, and nothing of this thread passes them.
  case atomic
}

/// An access to memory that is not there, or may not be written.
package struct ProbeFault: Error, Sendable, Hashable, CustomStringConvertible {
  /// Where the access was.
  package var address: UInt64
  package init(address: UInt64) { self.address = address }
  package var description: String { "an access to unmapped memory at 0x\(String(address, radix: 16))" }
}

/// What a probe program's loads and stores act upon: a memory model.
///
/// Values are little-endian, zero-extended to 64 bits; of a narrow store, the value's low bytes are stored. A
/// method that throws has changed nothing.
package protocol ProbeMemory {
  /// Reads `width` bytes.
  mutating func load(
    _ address: UInt64, _ width: ProbeWidth, _ order: ProbeOrder
  ) throws(ProbeFault) -> UInt64
  /// Writes the low `width` bytes of `value`.
  mutating func store(
    _ address: UInt64, _ value: UInt64, _ width: ProbeWidth, _ order: ProbeOrder
  ) throws(ProbeFault)
  /// A full fence.
  mutating func fence()
}

extension ProbeWidth {
  /// The bits that an access of this width moves.
  package var mask: UInt64 { self == .eight ? ~0 : (1 << UInt64(rawValue * 8)) - 1 }
}
