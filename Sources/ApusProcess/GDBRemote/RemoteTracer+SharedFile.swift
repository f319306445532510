package import ApusCore
package import ApusSystem
internal import Glibc

extension RemoteTracer {
  /// Memory that the process and we both see, through a file of /dev/shm which the process opens: where its server runs on this
  /// machine, as qemu-user does.
  ///
  /// - Parameters:
  ///   - address: where it is mapped in the process: a free place; nil lets the process's kernel choose.
  ///   - isExecutable: whether the process may run it, and not write it.
  /// - Returns: where it is there, and the view of it here; nil when the process does not open our file (it is of another
  ///   machine, another user, or sees other files).
  package func shareFile(
    bytes: Int, at address: Address? = nil, isExecutable: Bool = false, on thread: ThreadID,
    through gate: RemoteCallGate
  ) throws(TraceError) -> (address: Address, view: MappedMemory)? {
    guard let room = gate.stack else {
      throw .busy(thread: thread, why: "has a gate without memory for a path")
    }
    let memory = try memory(of: try process(of: thread))
    let view: MappedMemory
    // Nobody else can know the name; it lives for two remote calls.
    let secret = String(Clock.monotonic.now(), radix: 16)
    let path = "/dev/shm/apus-\(SystemThread.current)-\(secret)"
    do throws(SystemError) {
      let file = try FileDescriptor.open(path, flags: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
      do throws(SystemError) {
        try file.truncate(to: bytes)
        view = try MappedMemory(file, count: bytes, access: .sharedReadWrite)
      } catch {
        _ = try? FileDescriptor.unlink(path)  // the error that counts is the one that is thrown
        throw error
      }
    } catch { throw .system(error) }
    let opened: Int64
    do throws(TraceError) {
      do throws(MemoryError) {
        try memory.write(Array(path.utf8) + [0], at: room.start)
      } catch { throw TraceError.memory(error) }
      let directory = UInt64(bitPattern: Int64(AT_FDCWD))
      opened = try systemCall(
        machine.openat, [directory, room.start, UInt64(O_RDWR | O_CLOEXEC), 0], on: thread, through: gate)
    } catch {
      _ = try? FileDescriptor.unlink(path)
      throw error
    }
    do throws(SystemError) { try FileDescriptor.unlink(path) } catch { throw .system(error) }
    guard opened >= 0 else { return nil }
    let caller = RemoteCaller(self, thread: thread, gate: gate)
    let noReplace: Int32 = 0x100000  // MAP_FIXED_NOREPLACE
    let place = try caller.mmap(
      address ?? 0, count: UInt64(bytes), protection: PROT_READ | (isExecutable ? PROT_EXEC : PROT_WRITE),
      flags: MAP_SHARED | (address == nil ? 0 : noReplace), descriptor: Int32(truncatingIfNeeded: opened))
    try caller.close(Int32(truncatingIfNeeded: opened))
    guard try isSame(view, memory, place) else {
      try caller.munmap(AddressRange(place, place + UInt64(bytes)))
      return nil
    }
    capabilities.sharesMemory = true
    return (place, view)
  }

  /// Whether what is written here is read there: a machine with a /dev/shm of its own might have a file of that name.
  private func isSame(
    _ view: MappedMemory, _ memory: ProcessMemory, _ place: Address
  ) throws(TraceError) -> Bool {
    let word = Clock.monotonic.now() | 1
    let bytes = (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64($0 * 8)) }
    do { try view.store(bytes: bytes, at: 0) } catch { return false }
    do throws(MemoryError) {
      if try memory.readWord(place) != word { return false }
    } catch { throw .memory(error) }
    do { try view.store(bytes: [UInt8](repeating: 0, count: 8), at: 0) } catch { return false }
    return true
  }
}
