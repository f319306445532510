internal import CApusLinux

/// Memory that processes share by a number (System V): unlike a file, it is under no limit on file sizes.
package enum SharedSegment {
  /// Makes a segment for this user, which can be mapped executable too, and maps it here. It is gone with its last mapping, and
  /// can be mapped by its number as long as there is one.
  package static func make(bytes: Int) throws(SystemError) -> (number: Int32, view: MappedMemory) {
    let create = 0o1000
    let noReserve = 0o10000
    let number = try Kernel.call("shmget", "of \(bytes) bytes") {
      Kernel.raw(APUS_SYS_shmget, 0, bytes, create | noReserve | 0o700)
    }
    // Should we be killed before it is removed, it stays until somebody removes it by hand.
    let view: MappedMemory
    do throws(SystemError) { view = try MappedMemory(segment: Int32(number), count: bytes) } catch {
      try remove(number)
      throw error
    }
    try remove(number)
    return (Int32(number), view)
  }

  private static func remove(_ number: Int) throws(SystemError) {
    try Kernel.call("shmctl", "segment \(number)") { Kernel.raw(APUS_SYS_shmctl, number, 0, 0) }
  }
}
