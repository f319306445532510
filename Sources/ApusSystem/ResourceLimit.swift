internal import CApusLinux
internal import Glibc

/// Resource limits of processes (prlimit(2)).
package enum ResourceLimit {
  /// How many bytes of addresses a process may have (RLIMIT_AS); nil: as many as it likes.
  package static func addressSpace(of process: Int32) throws(SystemError) -> UInt64? {
    try limit(RLIMIT_AS, of: process)
  }

  /// How many bytes the files may have that a process writes (RLIMIT_FSIZE); nil: as many as it likes.
  package static func fileSize(of process: Int32) throws(SystemError) -> UInt64? {
    try limit(RLIMIT_FSIZE, of: process)
  }

  private static func limit(
    _ resource: __rlimit_resource, of process: Int32
  ) throws(SystemError) -> UInt64? {
    var limits: [UInt64] = [0, 0]  // soft, hard
    try Kernel.call("prlimit64", "of process \(process)") {
      unsafe limits.withUnsafeMutableBytes {
        Kernel.raw(
          APUS_SYS_prlimit64, Int(process), Int(resource.rawValue), 0, Int(bitPattern: $0.baseAddress))
      }
    }
    return limits[0] == .max ? nil : limits[0]
  }
}
