package import ApusCore
package import ApusSystem

/// A process's memory, until it ends or becomes another program: of this machine, or behind a connection.
///
/// Local writes go through /proc/PID/mem, which writes read-only private text too (a copy of the page), and maintains the caches
/// of what is executable. Measured on x86_64: the kernel tears such writes. Another thread may see some bytes of a 4- or
/// 8-byte write before the others, even of an aligned one. Writes of 1 byte, and aligned ones of 2 bytes, never did. On
/// arm64 aligned ones of 4 bytes do not either (Documentation/Decisions/0012).
package final class ProcessMemory {
  /// The process.
  package let process: ProcessID
  private let access: any MemoryAccess

  /// Opens the memory of a process of this machine; the descriptor stays with this memory even when the process runs exec.
  package convenience init(of process: ProcessID) throws(SystemError) {
    self.init(of: process, through: try LocalMemory(of: process))
  }

  /// A process's memory by whatever way.
  init(of process: ProcessID, through access: any MemoryAccess) {
    self.process = process
    self.access = access
  }

  /// Fills `buffer` from `address`.
  ///
  /// - Throws: when not all could be read; `done` of the error says how many bytes of the buffer are good.
  package func read(_ address: Address, into buffer: UnsafeMutableRawBufferPointer) throws(MemoryError) {
    try unsafe access.read(address, into: buffer)
  }

  /// `count` bytes from `address`.
  package func read(_ address: Address, count: Int) throws(MemoryError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var failure: MemoryError?
    unsafe bytes.withUnsafeMutableBytes { buffer in
      do throws(MemoryError) { try unsafe read(address, into: buffer) } catch { failure = error }
    }
    if let failure { throw failure }
    return bytes
  }

  /// The 64-bit word at `address`, in this machine's byte order.
  package func readWord(_ address: Address) throws(MemoryError) -> UInt64 {
    var word: UInt64 = 0
    var failure: MemoryError?
    unsafe withUnsafeMutableBytes(of: &word) { buffer in
      do throws(MemoryError) { try unsafe read(address, into: buffer) } catch { failure = error }
    }
    if let failure { throw failure }
    return word
  }

  /// The bytes from `address` up to the first zero (left out), `limit` at the most, as text.
  package func readString(_ address: Address, limit: Int = 4096) throws(MemoryError) -> String {
    var text: [UInt8] = []
    var at = address
    while text.count < limit {
      let upToPageEnd = 4096 - Int(at & 4095)
      let part = try read(at, count: min(upToPageEnd, limit - text.count))
      if let zero = part.firstIndex(of: 0) {
        text += part[..<zero]
        break
      }
      text += part
      at &+= UInt64(part.count)
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// Writes `bytes` at `address`, read-only text included. It may be torn: see the type.
  ///
  /// - Throws: when not all could be written; `done` of the error says how many bytes were.
  package func write(_ bytes: [UInt8], at address: Address) throws(MemoryError) {
    try access.write(bytes, at: address)
  }
}

/// A way to a process's bytes.
protocol MemoryAccess: AnyObject {
  /// See `ProcessMemory`.
  func read(_ address: Address, into buffer: UnsafeMutableRawBufferPointer) throws(MemoryError)
  /// See `ProcessMemory`.
  func write(_ bytes: [UInt8], at address: Address) throws(MemoryError)
}
