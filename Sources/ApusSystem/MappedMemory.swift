internal import CApusLinux
internal import Glibc

/// Pages of this process that show a file or a memfd, unmapped when the object goes away.
///
/// Other processes may write what is mapped at any moment. Words are read and written whole and aligned; who may
/// write which word, and what orders the accesses, is the caller's matter (hence Sendable without a lock).
@safe
package final class MappedMemory: @unchecked Sendable {
  /// What may be done with the pages.
  package enum Access: Sendable {
    /// PROT_READ, MAP_PRIVATE.
    case readOnly
    /// PROT_READ | PROT_WRITE, MAP_SHARED.
    case sharedReadWrite
    /// PROT_READ, MAP_SHARED: what others write is seen.
    case sharedReadOnly
  }

  /// An offset that is not in the mapping, or not aligned.
  package struct BadOffset: Error, Sendable, CustomStringConvertible {
    /// What was asked for, in bytes from the start.
    package var offset: Int
    /// The number of bytes asked for.
    package var length: Int
    /// The mapping's size in bytes.
    package var count: Int
    /// A sentence.
    package var description: String {
      "\(length) bytes at offset \(offset) are not an aligned part of a mapping of \(count) bytes"
    }
  }

  /// The size in bytes, as asked for.
  package let count: Int
  private let start: UnsafeMutableRawPointer

  /// Maps `count` bytes of `file` from `offset` (a multiple of the page size); `populate` faults all pages in.
  package init(
    _ file: borrowing FileDescriptor, offset: Int = 0, count: Int, access: Access, populate: Bool = false
  ) throws(SystemError) {
    let number = file.rawValue
    let protection = access == .sharedReadWrite ? PROT_READ | PROT_WRITE : PROT_READ
    let flags = (access == .readOnly ? MAP_PRIVATE : MAP_SHARED) | (populate ? MAP_POPULATE : 0)
    let address = try Kernel.call("mmap", "of \(count) bytes") {
      Kernel.raw(APUS_SYS_mmap, 0, count, Int(protection), Int(flags), Int(number), offset)
    }
    guard let pointer = unsafe UnsafeMutableRawPointer(bitPattern: address) else {
      throw SystemError(call: "mmap", errno: .noMemory, context: "gave address 0")
    }
    unsafe start = pointer
    self.count = count
  }

  /// Maps a segment of shared memory, which has `count` bytes, for reading and writing.
  init(segment: Int32, count: Int) throws(SystemError) {
    let address = try Kernel.call("shmat", "segment \(segment)") {
      Kernel.raw(APUS_SYS_shmat, Int(segment), 0, 0)
    }
    guard let pointer = unsafe UnsafeMutableRawPointer(bitPattern: address) else {
      throw SystemError(call: "shmat", errno: .noMemory, context: "gave address 0")
    }
    unsafe start = pointer
    self.count = count
  }

  deinit {
    _ = unsafe Kernel.raw(APUS_SYS_munmap, Int(bitPattern: start), count)
  }

  /// The whole file, read-only. An empty file cannot be mapped (EINVAL).
  package static func file(_ path: String) throws(SystemError) -> MappedMemory {
    do throws(SystemError) {
      let file = try FileDescriptor.open(path)
      return try MappedMemory(file, count: try file.size(), access: .readOnly)
    } catch {
      throw SystemError(call: error.call, errno: error.errno, context: path)
    }
  }

  /// Where it is mapped here. For hot loops; the object must be kept alive while it is used.
  @unsafe package var pointer: UnsafeMutableRawPointer { unsafe start }

  /// All of it as a buffer. The object must be kept alive while it is used.
  @unsafe package var buffer: UnsafeMutableRawBufferPointer {
    unsafe UnsafeMutableRawBufferPointer(start: start, count: count)
  }

  private func address(_ offset: Int, _ length: Int, aligned: Int) throws(BadOffset) -> UInt {
    guard offset >= 0, length >= 0, length <= count, offset <= count - length, offset % aligned == 0 else {
      throw BadOffset(offset: offset, length: length, count: count)
    }
    return unsafe UInt(bitPattern: start) &+ UInt(offset)
  }
}

extension MappedMemory {
  /// The word at `offset`; later loads are not moved before it (acquire).
  package func load(at offset: Int) throws(BadOffset) -> UInt64 {
    apus_load_acquire_u64(try address(offset, 8, aligned: 8))
  }

  /// The 32-bit word at `offset`; later loads are not moved before it (acquire).
  package func load32(at offset: Int) throws(BadOffset) -> UInt32 {
    apus_load_acquire_u32(try address(offset, 4, aligned: 4))
  }

  /// Stores a word at `offset`; earlier accesses are not moved after it (release).
  ///
  /// The mapping must be writable, or the process gets SIGSEGV.
  package func store(_ value: UInt64, at offset: Int) throws(BadOffset) {
    apus_store_release_u64(try address(offset, 8, aligned: 8), value)
  }

  /// Stores a 32-bit word at `offset`; earlier accesses are not moved after it (release).
  package func store32(_ value: UInt32, at offset: Int) throws(BadOffset) {
    apus_store_release_u32(try address(offset, 4, aligned: 4), value)
  }

  /// A copy of `length` bytes from `offset`.
  package func bytes(at offset: Int, count length: Int) throws(BadOffset) -> [UInt8] {
    _ = try address(offset, length, aligned: 1)
    return unsafe [UInt8](UnsafeRawBufferPointer(start: start + offset, count: length))
  }

  /// Copies `bytes` to `offset`, in no particular order.
  package func store(bytes: [UInt8], at offset: Int) throws(BadOffset) {
    _ = try address(offset, bytes.count, aligned: 1)
    unsafe bytes.withUnsafeBytes {
      unsafe UnsafeMutableRawBufferPointer(start: start + offset, count: bytes.count).copyMemory(from: $0)
    }
  }
}
