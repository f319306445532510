import ApusCore

/// Ranges of addresses in order, for quick questions.
struct TextRanges {
  private var ranges: [AddressRange]

  /// `ranges` are in order of their starts.
  init(_ ranges: [AddressRange]) { self.ranges = ranges }

  func contains(_ address: Address) -> Bool { range(containing: address) != nil }

  /// The range that `address` is in: of overlapping ones, the last to begin.
  func range(containing address: Address) -> AddressRange? {
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].start <= address { low = middle + 1 } else { high = middle }
    }
    return low > 0 && ranges[low - 1].contains(address) ? ranges[low - 1] : nil
  }
}
