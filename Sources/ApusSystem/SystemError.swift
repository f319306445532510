/// A system call that failed: which, why, and on what.
package struct SystemError: Error, Sendable, Equatable {
  /// The system call's name.
  package var call: String
  /// The kernel's reason.
  package var errno: Errno
  /// What it was about: a path, a process, an address; may be empty.
  package var context: String

  /// Makes the error.
  package init(call: String, errno: Errno, context: String = "") {
    self.call = call
    self.errno = errno
    self.context = context
  }
}

extension SystemError: CustomStringConvertible {
  /// `open /no/such/file: No such file or directory`
  package var description: String {
    context.isEmpty ? "\(call): \(errno)" : "\(call) \(context): \(errno)"
  }
}
