internal import CApusLinux

/// A lock in shared memory that tells others when the thread that holds it is gone, by SIGKILL too.
///
/// The kernel sets `ownerDied` in the lock's first 32-bit word then (the robust futex list, set_robust_list(2)):
/// machine code in another process may poll that word. What matters is the *thread*: lock it in one that lives as
/// long as the session.
package struct RobustLock: Sendable {
  /// The bytes that a lock needs, at an offset that is a multiple of 16.
  package static let size = Int(APUS_ROBUST_LOCK_SIZE)
  /// FUTEX_OWNER_DIED: the bit of the first word.
  package static let ownerDied = UInt32(APUS_OWNER_DIED)

  /// The shared memory that holds it.
  package let memory: MappedMemory
  /// Where in `memory`, in bytes.
  package let offset: Int

  /// Makes the lock at `offset` of shared, writable memory and locks it in the calling thread.
  package static func lock(in memory: MappedMemory, at offset: Int) throws(SystemError) -> RobustLock {
    guard offset >= 0, offset % 16 == 0, size <= memory.count, offset <= memory.count - size else {
      throw SystemError(
        call: "robust lock", errno: .invalidArgument,
        context: "at offset \(offset) of \(memory.count) bytes")
    }
    let error = apus_robust_lock_init_and_lock(unsafe UInt(bitPattern: memory.pointer + offset))
    if error != 0 { throw SystemError(call: "pthread_mutex_lock", errno: Errno(rawValue: error)) }
    return RobustLock(memory: memory, offset: offset)
  }

  /// Unlocks it, in the thread that locked it.
  package func unlock() throws(SystemError) {
    let error = apus_robust_lock_unlock(unsafe UInt(bitPattern: memory.pointer + offset))
    if error != 0 { throw SystemError(call: "pthread_mutex_unlock", errno: Errno(rawValue: error)) }
  }
}
