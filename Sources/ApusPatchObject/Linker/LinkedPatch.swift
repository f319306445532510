package import ApusCore

/// A module's part of a patch, ready to be written where it was linked for.
package struct LinkedPatch: Sendable {
  /// A word of 64 bits that was filled in from an address: what changes if the target moves.
  package struct Word: Sendable, Hashable {
    /// Of the word, from the base.
    package var offset: UInt64
    /// The symbol in the patch, and what was added to it.
    package var symbol: Int
    package var addend: Int64
    package var content: LinkSlot.Content
  }

  package var base: Address
  /// ``LinkLayout/size`` bytes.
  package var bytes: [UInt8]
  package var words: [Word]
  /// Where each symbol that this part defines is, by its number in the patch.
  package var addresses: [Int: Address]
}
