package import ApusCore

/// Executable bytes in a process that make one system call, and then restore the thread from a signal frame.
///
/// The bytes are `ProcessTracer`'s gate code for the architecture: `system call; rt_sigreturn`.
package struct RemoteCallGate: Sendable, Hashable {
  /// Where the code is.
  package var address: Address
  /// Memory for the signal frame: readable, writable, not used by anybody else while a call is made. nil: below the
  /// thread's own stack pointer, where any signal's frame would be put; a thread on a very small stack (a fibre's)
  /// may have no room there.
  package var stack: AddressRange?

  /// A gate whose code is already in place.
  package init(address: Address, stack: AddressRange? = nil) {
    self.address = address
    self.stack = stack
  }
}

/// The system calls that we make in a process. Numbers belong to the architecture.
package enum RemoteSystemCall: String, Sendable, Hashable, CaseIterable {
  case mmap
  case munmap
  case mprotect
  case madvise
  case memfdCreate = "memfd_create"
  case ftruncate
  case close
  case membarrier
  case shmat
  case getpid
}

extension RemoteSystemCall: CustomStringConvertible {
  /// The call's name.
  package var description: String { rawValue }
}
