internal import CApusLinux
internal import Glibc

/// An open file descriptor, closed when it goes away.
package struct FileDescriptor: ~Copyable, Sendable {
  /// The number.
  package let rawValue: Int32

  /// Takes over a descriptor that nobody else closes.
  package init(owning rawValue: Int32) { self.rawValue = rawValue }

  deinit { _ = Kernel.raw(APUS_SYS_close, Int(rawValue)) }

  /// Closes it and reports what close(2) says (a file system may report a failed write only here).
  package consuming func close() throws(SystemError) {
    let number = rawValue
    discard self
    // EINTR is not tried again: Linux has closed the descriptor by then.
    try Kernel.call("close", "descriptor \(number)", retrying: false) {
      Kernel.raw(APUS_SYS_close, Int(number))
    }
  }

  /// Gives the number away; whoever takes it closes it.
  package consuming func release() -> Int32 {
    let number = rawValue
    discard self
    return number
  }

  /// Another descriptor (close-on-exec) of the same open file.
  package borrowing func duplicate() throws(SystemError) -> FileDescriptor {
    let number = rawValue
    let copy = try Kernel.call("fcntl(F_DUPFD_CLOEXEC)") {
      Kernel.raw(APUS_SYS_fcntl, Int(number), Int(F_DUPFD_CLOEXEC), 3)
    }
    return FileDescriptor(owning: Int32(copy))
  }
}
