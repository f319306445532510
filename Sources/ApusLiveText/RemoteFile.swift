package import ApusCore
package import ApusProcess
package import ApusSystem
internal import Glibc

/// Memory that the process and we both see: a memfd made in the process, or a shared segment where it may have no file of
/// that size.
package enum RemoteFile {
  private static let noReplace: Int32 = 0x100000  // MAP_FIXED_NOREPLACE

  /// Makes a memfd in the process, maps it there at `address`, and here; the process keeps no descriptor.
  ///
  /// A file beyond the process's limit (RLIMIT_FSIZE) is not even tried: the kernel would send it a deadly signal.
  package static func map(
    bytes: UInt64, at address: Address, executable: Bool, name: String, in caller: RemoteCaller,
    descriptorOf process: borrowing FileDescriptor
  ) throws(LiveTextError) -> MappedMemory {
    if try !mayHaveFile(of: bytes, caller.thread) {
      return try mapSegment(bytes: bytes, at: address, executable: executable, in: caller)
    }
    let closeOnExec: UInt32 = 1
    let executability: UInt32 = executable ? 0x10 : 0x8
    let number: Int32
    do throws(TraceError) {
      number = try caller.memfdCreate(named: name, flags: closeOnExec | executability)
    } catch {
      // Kernels before 6.3 do not know the flags for executability.
      number = try lifting { () throws(TraceError) in
        try caller.memfdCreate(named: name, flags: closeOnExec)
      }
    }
    let protection = executable ? PROT_READ | PROT_EXEC : PROT_READ | PROT_WRITE
    do throws(TraceError) {
      try caller.ftruncate(number, count: bytes)
      let got = try caller.mmap(
        address, count: bytes, protection: protection, flags: MAP_SHARED | noReplace, descriptor: number)
      guard got == address else {
        throw TraceError.remoteCall(.mmap, errno: .exists)
      }
    } catch {
      _ = try? caller.close(number)  // the error that counts is the one that is thrown
      throw .process(error)
    }
    let view: MappedMemory
    do throws(SystemError) {
      let file = try process.descriptor(number)
      view = try MappedMemory(file, count: Int(bytes), access: .sharedReadWrite)
    } catch { throw .system(error) }
    try lifting { () throws(TraceError) in try caller.close(number) }
    return view
  }

  private static func mayHaveFile(of bytes: UInt64, _ thread: ThreadID) throws(LiveTextError) -> Bool {
    do throws(SystemError) {
      guard let limit = try ResourceLimit.fileSize(of: thread) else { return true }
      return bytes <= limit
    } catch {
      // A process of another user, which we may trace and not ask.
      guard error.errno == .notPermitted else { throw .system(error) }
      return false
    }
  }

  /// Makes a shared segment and maps it here, and in the process at `address`.
  private static func mapSegment(
    bytes: UInt64, at address: Address, executable: Bool, in caller: RemoteCaller
  ) throws(LiveTextError) -> MappedMemory {
    let readOnly: Int32 = 0o10000
    let execute: Int32 = 0o100000
    let segment: (number: Int32, view: MappedMemory)
    do throws(SystemError) { segment = try SharedSegment.make(bytes: Int(bytes)) } catch {
      throw .fileLimit(bytes: bytes, error)
    }
    let got = try lifting { () throws(TraceError) in
      try caller.shmat(segment.number, at: address, flags: executable ? readOnly | execute : 0)
    }
    guard got == address else { throw .process(.remoteCall(.shmat, errno: .exists)) }
    return segment.view
  }

  /// Maps private anonymous memory in the process at `address`.
  package static func anonymous(
    bytes: UInt64, at address: Address, in caller: RemoteCaller
  ) throws(TraceError) {
    let got = try caller.mmap(
      address, count: bytes, protection: PROT_READ | PROT_WRITE,
      flags: MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | noReplace)
    guard got == address else { throw .remoteCall(.mmap, errno: .exists) }
  }

  /// Maps private anonymous memory for code in the process at `address`: nobody may store there, but by force.
  package static func code(bytes: UInt64, at address: Address, in caller: RemoteCaller) throws(TraceError) {
    let got = try caller.mmap(
      address, count: bytes, protection: PROT_READ | PROT_EXEC, flags: MAP_PRIVATE | MAP_ANONYMOUS | noReplace
    )
    guard got == address else { throw .remoteCall(.mmap, errno: .exists) }
  }
}
