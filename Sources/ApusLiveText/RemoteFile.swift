package import ApusCore
package import ApusProcess
package import ApusSystem
internal import Glibc

/// Memory that the process and we both see: a memfd made in the process.
package enum RemoteFile {
  private static let noReplace: Int32 = 0x100000  // MAP_FIXED_NOREPLACE

  /// Makes a memfd in the process, maps it there at `address`, and here; the process keeps no descriptor.
  package static func map(
    bytes: UInt64, at address: Address, executable: Bool, name: String, in caller: RemoteCaller,
    descriptorOf process: borrowing FileDescriptor
  ) throws(LiveTextError) -> MappedMemory {
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
    } catch .remoteCall(.ftruncate, errno: let errno) where errno.rawValue == EFBIG {
      throw .fileLimit(bytes: bytes)
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

  /// Maps private anonymous memory in the process at `address`.
  package static func anonymous(
    bytes: UInt64, at address: Address, in caller: RemoteCaller
  ) throws(TraceError) {
    let got = try caller.mmap(
      address, count: bytes, protection: PROT_READ | PROT_WRITE,
      flags: MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | noReplace)
    guard got == address else { throw .remoteCall(.mmap, errno: .exists) }
  }
}
