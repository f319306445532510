package import ApusCore

extension ProcessMemory: MemoryReader {
  /// As `read(_:count:)`, for readers of any memory.
  package func read(at address: Address, count: Int) throws(ApusCore.MemoryError) -> [UInt8] {
    guard count >= 0 else {
      throw ApusCore.MemoryError(address: address, count: count, reason: "a negative number of bytes")
    }
    do throws(MemoryError) { return try read(address, count: count) } catch {
      throw ApusCore.MemoryError(address: address, count: count, reason: error.description)
    }
  }
}
