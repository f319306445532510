package import ApusCore
package import ApusSystem
internal import CApusLinux
internal import Glibc

/// A process's memory, until it ends or becomes another program.
///
/// Writes go through /proc/PID/mem, which writes read-only private text too (a copy of the page), and maintains the caches
/// of what is executable. Measured on x86_64: the kernel tears such writes. Another thread may see some bytes of a 4- or
/// 8-byte write before the others, even of an aligned one. Writes of 1 byte, and aligned ones of 2 bytes, never did. On
/// arm64 aligned ones of 4 bytes do not either (Documentation/Decisions/0012).
package final class ProcessMemory {
  /// The process.
  package let process: ProcessID
  private let file: FileDescriptor

  /// Opens the memory of a process; the descriptor stays with this memory even when the process runs exec.
  package init(of process: ProcessID) throws(SystemError) {
    self.process = process
    file = try FileDescriptor.open("/proc/\(process)/mem", flags: O_RDWR)
  }

  /// Fills `buffer` from `address`.
  ///
  /// - Throws: when not all could be read; `done` of the error says how many bytes of the buffer are good.
  package func read(_ address: Address, into buffer: UnsafeMutableRawBufferPointer) throws(MemoryError) {
    let count = buffer.count
    var done = 0
    while done < count {
      let rest = count - done
      let local = Int(bitPattern: buffer.baseAddress) &+ done
      let remote = Int(bitPattern: UInt(address)) &+ done
      let vectors = [local, rest, remote, rest]
      var got = unsafe vectors.withUnsafeBytes {
        let at = Int(bitPattern: $0.baseAddress)
        return Kernel.raw(APUS_SYS_process_vm_readv, Int(process), at, 1, at &+ 16, 1, 0)
      }
      if got <= 0 {
        // Not readable by its owner, or its first thread has ended: the file still may.
        got = Kernel.raw(APUS_SYS_pread64, Int(file.rawValue), local, rest, remote)
      }
      if got == -Int(EINTR) { continue }
      guard got > 0 else { throw error(address, count, done, got, isWrite: false) }
      done += got
    }
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
    var done = 0
    while done < bytes.count {
      let already = done
      let put = unsafe bytes.withUnsafeBytes {
        Kernel.raw(
          APUS_SYS_pwrite64, Int(file.rawValue), Int(bitPattern: $0.baseAddress) &+ already,
          bytes.count &- already, Int(bitPattern: UInt(address)) &+ already)
      }
      if put == -Int(EINTR) { continue }
      guard put > 0 else { throw error(address, bytes.count, done, put, isWrite: true) }
      done += put
    }
  }

  private func error(
    _ address: Address, _ count: Int, _ done: Int, _ result: Int, isWrite: Bool
  ) -> MemoryError {
    let reason: MemoryError.Reason =
      switch result {
      case 0, -Int(ESRCH): .gone  // the file of memory that is no more reads and writes nothing
      case -Int(EIO), -Int(EFAULT): .unmapped
      default: .failed(Errno(rawValue: Int32(clamping: -result)))
      }
    return MemoryError(
      process: process, address: address, count: count, done: done, isWrite: isWrite, reason: reason)
  }
}
