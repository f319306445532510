/// An address in some process's address space, or an ELF virtual address.
public typealias Address = UInt64

/// A half-open range of addresses, `start ..< end`.
public struct AddressRange: Sendable, Hashable {
  /// The first address.
  public var start: Address
  /// The first address after the range; never below `start`.
  public var end: Address

  /// Makes the range from `start` up to but not including `end`; an inverted pair gives an empty range.
  public init(_ start: Address, _ end: Address) {
    self.start = start
    self.end = end < start ? start : end
  }

  /// The number of bytes in the range.
  public var count: UInt64 { end - start }
  /// Whether no address is in the range.
  public var isEmpty: Bool { start == end }

  /// Whether `address` is in the range.
  public func contains(_ address: Address) -> Bool { address >= start && address < end }
  /// Whether all of `other` is in the range.
  public func contains(_ other: AddressRange) -> Bool { other.start >= start && other.end <= end }
  /// Whether the two ranges share an address.
  public func overlaps(_ other: AddressRange) -> Bool { start < other.end && other.start < end }
}
