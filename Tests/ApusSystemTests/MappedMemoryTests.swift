import ApusSystem
import CApusLinux
import Glibc
import Testing

@Suite struct MappedMemoryTests {
  @Test func twoMappingsOfOneFileAreOneMemory() throws {
    let file = try FileDescriptor.memory(named: "test", bytes: 8192)
    let first = try MappedMemory(file, count: 8192, access: .sharedReadWrite)
    let second = try MappedMemory(file, offset: 4096, count: 4096, access: .sharedReadOnly)
    try first.store(0x1122_3344_5566_7788, at: 4096 + 8)
    #expect(try second.load(at: 8) == 0x1122_3344_5566_7788)
    #expect(try second.load32(at: 12) == 0x1122_3344)
    try first.store(bytes: [1, 2, 3], at: 8189)
    #expect(try second.bytes(at: 4092, count: 4) == [0, 1, 2, 3])
  }

  @Test(arguments: [(-8, 8), (4, 8), (8192, 8), (8185, 8), (Int.max, 8), (8190, 4), (2, 4)])
  func offsetsOutsideAreTypedErrors(offset: Int, length: Int) throws {
    let file = try FileDescriptor.memory(named: "test", bytes: 8192)
    let memory = try MappedMemory(file, count: 8192, access: .sharedReadWrite)
    #expect(throws: MappedMemory.BadOffset.self) {
      _ = try length == 8 ? memory.load(at: offset) : UInt64(memory.load32(at: offset))
    }
  }

  @Test func aFileIsMappedReadOnly() throws {
    let memory = try MappedMemory.file("/proc/self/exe")
    #expect(try memory.bytes(at: 0, count: 4) == [0x7f, 0x45, 0x4c, 0x46])
    #expect(throws: SystemError.self) { _ = try MappedMemory.file("/no/such/file") }
  }

  /// The kernel must set the owner-died bit when a process that holds the lock is killed.
  @Test func theLockTellsOfItsOwnersDeathBySigkill() throws {
    let file = try FileDescriptor.memory(named: "lock", bytes: 4096)
    let memory = try MappedMemory(file, count: 4096, access: .sharedReadWrite)
    let area = unsafe UInt(bitPattern: memory.pointer + 64)
    let pipe = try FileDescriptor.pipe()
    let child = apus_fork_lock_holder(area, pipe.writing.rawValue)
    try #require(child > 0)
    // The child writes 1 when it holds the lock.
    #expect(try pipe.reading.read(count: 1) == [1])
    let held = try memory.load32(at: 64)
    #expect(held & RobustLock.ownerDied == 0 && held & 0x3fff_ffff == UInt32(child))
    try SignalSender.send(SIGKILL, process: child)
    var status: Int32 = 0
    #expect(unsafe waitpid(child, &status, 0) == child)
    #expect(try memory.load32(at: 64) & RobustLock.ownerDied != 0)
  }

  @Test func aLiveOwnersLockIsUnmarkedAndUnlocks() throws {
    let file = try FileDescriptor.memory(named: "lock", bytes: 4096)
    let memory = try MappedMemory(file, count: 4096, access: .sharedReadWrite)
    let lock = try RobustLock.lock(in: memory, at: 0)
    #expect(try memory.load32(at: 0) & RobustLock.ownerDied == 0)
    #expect(try memory.load32(at: 0) & 0x3fff_ffff == UInt32(SystemThread.current))
    try lock.unlock()
    #expect(try memory.load32(at: 0) == 0)
    #expect(throws: SystemError.self) { _ = try RobustLock.lock(in: memory, at: 4090) }
  }

  /// A thread's end is enough: the process may live on.
  @Test func theLockTellsOfItsThreadsEnd() throws {
    let file = try FileDescriptor.memory(named: "lock", bytes: 4096)
    let memory = try MappedMemory(file, count: 4096, access: .sharedReadWrite)
    try SystemThread {
      do throws(SystemError) { _ = try RobustLock.lock(in: memory, at: 128) } catch { Issue.record(error) }
    }.join()
    #expect(try memory.load32(at: 128) & RobustLock.ownerDied != 0)
  }
}
