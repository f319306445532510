internal import CApusLinux
internal import Glibc

/// An eventfd: a counter that one thread adds to and another one waits for. Any thread may use it.
package final class EventDescriptor: Sendable {
  private let file: FileDescriptor

  /// Makes one that never blocks.
  package init() throws(SystemError) {
    let number = try Kernel.call("eventfd2") {
      Kernel.raw(APUS_SYS_eventfd2, 0, Int(O_CLOEXEC | O_NONBLOCK))
    }
    file = FileDescriptor(owning: Int32(number))
  }

  /// The descriptor's number, for `Poll`.
  package var rawValue: Int32 { file.rawValue }

  /// Adds one. A full counter is as good: its reader wakes all the same.
  package func signal() {
    var one: UInt64 = 1
    _ = unsafe withUnsafeBytes(of: &one) {
      Kernel.raw(APUS_SYS_write, Int(file.rawValue), Int(bitPattern: $0.baseAddress), 8)
    }
  }

  /// Takes what was added since the last time; 0 when nothing was.
  package func take() -> UInt64 {
    var value: UInt64 = 0
    let got = unsafe withUnsafeMutableBytes(of: &value) {
      Kernel.raw(APUS_SYS_read, Int(file.rawValue), Int(bitPattern: $0.baseAddress), 8)
    }
    return got == 8 ? value : 0
  }
}
