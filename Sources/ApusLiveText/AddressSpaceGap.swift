package import ApusCore
package import ApusSystem

/// Looks for free addresses in a process.
package struct AddressSpaceGap {
  /// What is mapped, in order.
  private let mappings: [MemoryMapping]
  /// How far the main thread's stack may grow down.
  private let stackRoom: UInt64

  /// Looks at these mappings; `stackRoom` is kept free below the main stack.
  package init(_ mappings: [MemoryMapping], stackRoom: UInt64 = 64 << 20) {
    self.mappings = mappings.sorted { $0.range.start < $1.range.start }
    self.stackRoom = stackRoom
  }

  /// The lowest address that we use: below are the pages that the kernel keeps free.
  private static let lowest: Address = 0x10000
  /// The highest address that we use; the architectures' smallest common user space.
  private static let highest: Address = 0x7fff_0000_0000

  /// The free ranges, without room for the stack and for the heap behind a program at fixed addresses.
  private var free: [AddressRange] {
    var result: [AddressRange] = []
    var at = Self.lowest
    for mapping in mappings {
      var start = mapping.range.start
      if mapping.name == "[stack]" { start = start > stackRoom ? start - stackRoom : 0 }
      if start > at { result.append(AddressRange(at, start)) }
      at = max(at, mapping.range.end)
    }
    if at < Self.highest { result.append(AddressRange(at, Self.highest)) }
    return result
  }

  /// A range of `bytes` (a multiple of the page size) all of which is within `reach` of all of `module`.
  ///
  /// Below the module is best: heaps and stacks do not grow there. Else as far above as branches go, which leaves the
  /// heap nearly that much room.
  package func find(near module: AddressRange, bytes: UInt64, reach: UInt64) -> AddressRange? {
    guard module.count < reach, bytes < reach - module.count else { return nil }
    let low = module.end > reach ? module.end - reach : 0
    let high = module.start &+ reach
    let margin: UInt64 = 0x10000  // a multiple of every page size
    for gap in free.reversed() where gap.end <= module.start {
      let end = min(gap.end, module.start) &- margin
      guard gap.end > gap.start &+ margin, end >= bytes else { continue }
      let start = end - bytes
      if start >= gap.start &+ margin, start >= low { return AddressRange(start, end) }
    }
    for gap in free.reversed() where gap.start >= module.end {
      let end = min(gap.end, high)
      guard end > gap.start &+ bytes &+ 2 * margin else { continue }
      let start = (end - bytes - margin) & ~(margin - 1)
      return AddressRange(start, start + bytes)
    }
    return nil
  }

  /// A range of `bytes` far from everything, for tables that need not be near code.
  package func findRemote(bytes: UInt64) -> AddressRange? {
    let alignment: UInt64 = 1 << 21
    var candidate: Address = 0x2000_0000_0000
    for gap in free where gap.end > candidate {
      let start = (max(gap.start, candidate) + alignment) & ~(alignment - 1)
      if gap.end > start, gap.end - start > bytes + alignment { return AddressRange(start, start + bytes) }
      candidate = max(candidate, gap.end)
    }
    return nil
  }
}
