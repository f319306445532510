internal import Glibc

/// An error number of the kernel's.
package struct Errno: RawRepresentable, Sendable, Hashable {
  /// The number, always positive.
  package var rawValue: Int32

  /// Wraps a number.
  package init(rawValue: Int32) { self.rawValue = rawValue }

  /// EPERM
  package static let notPermitted = Errno(rawValue: EPERM)
  /// ENOENT
  package static let noSuchFile = Errno(rawValue: ENOENT)
  /// ESRCH
  package static let noSuchProcess = Errno(rawValue: ESRCH)
  /// EINTR
  package static let interrupted = Errno(rawValue: EINTR)
  /// EIO
  package static let inputOutput = Errno(rawValue: EIO)
  /// ENOEXEC
  package static let notExecutableFormat = Errno(rawValue: ENOEXEC)
  /// ECHILD
  package static let noChild = Errno(rawValue: ECHILD)
  /// EAGAIN
  package static let wouldBlock = Errno(rawValue: EAGAIN)
  /// ENOMEM
  package static let noMemory = Errno(rawValue: ENOMEM)
  /// EACCES
  package static let accessDenied = Errno(rawValue: EACCES)
  /// EFAULT
  package static let badAddress = Errno(rawValue: EFAULT)
  /// EEXIST
  package static let exists = Errno(rawValue: EEXIST)
  /// ENODEV
  package static let noDevice = Errno(rawValue: ENODEV)
  /// ENOTDIR
  package static let notDirectory = Errno(rawValue: ENOTDIR)
  /// EINVAL
  package static let invalidArgument = Errno(rawValue: EINVAL)
  /// ENOSPC
  package static let noSpace = Errno(rawValue: ENOSPC)
  /// EPIPE
  package static let brokenPipe = Errno(rawValue: EPIPE)
  /// ECONNRESET
  package static let connectionReset = Errno(rawValue: ECONNRESET)
  /// ENOSYS
  package static let noSystemCall = Errno(rawValue: ENOSYS)
}

extension Errno: CustomStringConvertible {
  /// The C library's words for it, and what to do where that is the same whatever failed.
  package var description: String {
    guard let text = unsafe strerror(rawValue) else { return "error \(rawValue)" }
    let words = unsafe String(cString: text)
    return rawValue == EMFILE ? words + ": raise the limit (ulimit -n)" : words
  }
}
