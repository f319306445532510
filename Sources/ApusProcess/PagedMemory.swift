package import ApusCore

/// Reads from a process a page at a time: for many small pieces, in order of addresses, that nobody else writes meanwhile.
package struct PageReader {
  private static let pageBytes: UInt64 = 4096

  private let memory: ProcessMemory
  private var start: Address = 0
  private var bytes: [UInt8] = []

  package init(_ memory: ProcessMemory) { self.memory = memory }

  /// `count` bytes from `address`.
  package mutating func read(_ address: Address, count: Int) throws(MemoryError) -> [UInt8] {
    if let piece = kept(address, count) { return piece }
    let upToPageEnd = Int(Self.pageBytes - address % Self.pageBytes)
    bytes = try memory.read(address, count: max(count, upToPageEnd))
    start = address
    return Array(bytes[..<count])
  }

  private func kept(_ address: Address, _ count: Int) -> [UInt8]? {
    guard address >= start, address - start <= UInt64(bytes.count) else { return nil }
    let offset = Int(address - start)
    return count <= bytes.count - offset ? Array(bytes[offset..<offset + count]) : nil
  }
}
