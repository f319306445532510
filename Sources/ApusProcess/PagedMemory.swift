package import ApusCore

/// A process's memory, read a page at a time: for many small pieces in order of addresses, which nobody else writes meanwhile.
package struct PagedMemory {
  private static let pageBytes: UInt64 = 4096

  private let memory: ProcessMemory
  private var start: Address = 0
  private var bytes: [UInt8] = []

  package init(_ memory: ProcessMemory) { self.memory = memory }

  /// Whether a piece lies in one page.
  package static func isInOnePage(_ address: Address, count: Int) -> Bool {
    address % pageBytes + UInt64(count) <= pageBytes
  }

  /// `count` bytes from `address`.
  package mutating func read(_ address: Address, count: Int) throws(MemoryError) -> [UInt8] {
    if let piece = kept(address, count) { return piece }
    let upToPageEnd = Int(Self.pageBytes - address % Self.pageBytes)
    bytes = try memory.read(address, count: max(count, upToPageEnd))
    start = address
    return Array(bytes[..<count])
  }

  /// Writes bytes at an address, as ``ProcessMemory/write(_:at:)`` does; what is read afterwards are these.
  package mutating func write(_ new: [UInt8], at address: Address) throws(MemoryError) {
    do throws(MemoryError) { try memory.write(new, at: address) } catch {
      bytes = []
      throw error
    }
    for (offset, byte) in new.enumerated() {
      let place = address &+ UInt64(offset) &- start
      if place < UInt64(bytes.count) { bytes[Int(place)] = byte }
    }
  }

  private func kept(_ address: Address, _ count: Int) -> [UInt8]? {
    guard address >= start, address - start <= UInt64(bytes.count) else { return nil }
    let offset = Int(address - start)
    return count <= bytes.count - offset ? Array(bytes[offset..<offset + count]) : nil
  }
}
