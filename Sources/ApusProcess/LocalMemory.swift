internal import ApusCore
internal import ApusSystem
internal import CApusLinux
internal import Glibc

/// The memory of a process of this machine: /proc/PID/mem, and process_vm_readv where that does.
final class LocalMemory: MemoryAccess {
  private let process: ProcessID
  private let file: FileDescriptor

  init(of process: ProcessID) throws(SystemError) {
    self.process = process
    file = try FileDescriptor.open("/proc/\(process)/mem", flags: O_RDWR)
  }

  func read(_ address: Address, into buffer: UnsafeMutableRawBufferPointer) throws(MemoryError) {
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

  func write(_ bytes: [UInt8], at address: Address) throws(MemoryError) {
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
