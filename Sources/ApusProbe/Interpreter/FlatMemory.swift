/// A memory of one thread: ranges of bytes, in which every access takes effect at once.
package struct FlatMemory: ProbeMemory, Sendable, Hashable {
  /// A range of memory.
  package struct Region: Sendable, Hashable {
    /// The lowest address.
    package var start: UInt64
    /// What is there.
    package var bytes: [UInt8]
    /// Whether stores are allowed.
    package var isWritable: Bool

    package init(start: UInt64, bytes: [UInt8], isWritable: Bool = true) {
      self.start = start
      self.bytes = bytes
      self.isWritable = isWritable
    }
  }

  /// What is mapped; ranges must not overlap.
  package var regions: [Region]

  package init(_ regions: [Region] = []) { self.regions = regions }

  /// Where `count` bytes at the address stand: the region and the place in it. An access that crosses a region's end
  /// faults.
  private func find(_ address: UInt64, _ count: Int, writing: Bool) throws(ProbeFault) -> (Int, Int) {
    for (index, region) in regions.enumerated() {
      let place = address &- region.start
      guard place < UInt64(region.bytes.count) else { continue }
      guard region.bytes.count - Int(place) >= count, region.isWritable || !writing else { break }
      return (index, Int(place))
    }
    throw ProbeFault(address: address)
  }

  package func load(
    _ address: UInt64, _ width: ProbeWidth, _ order: ProbeOrder
  ) throws(ProbeFault) -> UInt64 {
    let (region, place) = try find(address, width.rawValue, writing: false)
    var value: UInt64 = 0
    for index in (0..<width.rawValue).reversed() {
      value = value << 8 | UInt64(regions[region].bytes[place + index])
    }
    return value
  }

  package mutating func store(
    _ address: UInt64, _ value: UInt64, _ width: ProbeWidth, _ order: ProbeOrder
  ) throws(ProbeFault) {
    let (region, place) = try find(address, width.rawValue, writing: true)
    for index in 0..<width.rawValue {
      regions[region].bytes[place + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
    }
  }

  package func fence() {}
}
