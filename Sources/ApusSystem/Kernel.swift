internal import CApusLinux

/// The one gate to the kernel. A call's error is part of its result, so nothing can come between the two.
package enum Kernel {
  /// A system call by number, by the kernel's own convention: a result, or the negated error number.
  package static func raw(
    _ number: Int, _ a: Int = 0, _ b: Int = 0, _ c: Int = 0, _ d: Int = 0, _ e: Int = 0, _ f: Int = 0
  ) -> Int {
    apus_syscall(number, a, b, c, d, e, f)
  }

  /// Runs a call, and again while it fails with EINTR if `retrying`, and gives its result or a typed error.
  ///
  /// - Parameters:
  ///   - name: the system call's name, for the error.
  ///   - context: what it is about; evaluated only on failure.
  ///   - retrying: whether EINTR means "once more"; false for close and for waits with a time limit.
  ///   - body: makes the call with `raw`, and returns what that returned.
  @discardableResult
  package static func call(
    _ name: String, _ context: @autoclosure () -> String = "", retrying: Bool = true, _ body: () -> Int
  ) throws(SystemError) -> Int {
    while true {
      let result = body()
      if result >= 0 || result < -4095 { return result }
      let errno = Errno(rawValue: Int32(-result))
      if errno == .interrupted && retrying { continue }
      throw SystemError(call: name, errno: errno, context: context())
    }
  }
}
