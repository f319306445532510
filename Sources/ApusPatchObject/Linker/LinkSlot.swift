/// A slot of the global offset table: what code loads that cannot reach it, or cannot know it.
package struct LinkSlot: Sendable, Hashable {
  /// What a slot holds.
  package enum Content: Sendable, Hashable {
    /// An address, 8 bytes.
    case address
    /// Where a thread-local variable is, away from the thread pointer; 8 bytes.
    case threadOffset
    /// Where it is in its module's block; 8 bytes.
    case blockOffset
    /// What `__tls_get_addr` wants of a variable: its module's number and its offset in that module's block; 16 bytes.
    case variable
    /// What it wants of a module's whole block; 16 bytes.
    case block

    var size: UInt64 { self == .variable || self == .block ? 16 : 8 }
  }
  /// A symbol's number in the patch; 0 for ``Content/block``.
  package var symbol: Int
  package var addend: Int64
  package var content: Content
}
