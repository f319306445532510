/// What happened to a thread. All but `exited` leave it stopped, until `resume` or `detach`.
package struct TraceEvent: Sendable, Hashable {
  /// The thread.
  package var thread: ThreadID
  /// Its process.
  package var process: ProcessID
  /// What happened.
  package var kind: Kind

  /// How a task came into being.
  package enum Birth: Sendable, Hashable {
    /// clone(2): a thread mostly; a process if `process` of its `born` event says so.
    case clone
    /// fork(2): a process with a copy of the memory.
    case fork
    /// vfork(2) and posix_spawn(3): a process in its parent's memory; the parent waits.
    case vfork
  }

  /// The kinds of event.
  package enum Kind: Sendable, Hashable {
    /// The thread made another task. Its `born` follows, always after this.
    case created(child: ThreadID, Birth)
    /// A new task, before its first instruction in user mode; `process` tells whether it is a thread or a process.
    case born(parent: ThreadID, Birth)
    /// A vfork child has ended or become another program; its parent goes on.
    case vforkDone
    /// The process became another program: all its other threads are gone without events of their own, `former` is
    /// the number that the thread had before. `isSupported` is false for a 32-bit program.
    case executed(former: ThreadID, isSupported: Bool)
    /// The thread is about to end, its memory still there. The status is the process's if it ends as a whole.
    case exiting(Termination)
    /// The thread is gone. For the process's first thread: the whole process is.
    case exited(Termination)
    /// Before a system call (only after `resumeUntilSystemCall`).
    case systemCallEntry
    /// After a system call (only after `resumeUntilSystemCall`).
    case systemCallExit
    /// A signal is about to be delivered: `resume` delivers it, unless told otherwise.
    case signal(SignalInfo)
    /// The process was stopped by a signal (SIGSTOP, SIGTSTP…); `resume` leaves it so until SIGCONT.
    case groupStop(signal: Int32)
    /// The thread stopped because of `interrupt`, or because a group stop is over.
    case interrupted
  }
}

/// A signal that is about to be delivered: the head of siginfo_t.
package struct SignalInfo: Sendable, Hashable {
  /// si_signo
  package var number: Int32
  /// si_code: who sent it; SI_USER is 0, SI_TKILL -6, above 0 the kernel.
  package var code: Int32
  /// The 8 bytes that follow: si_addr of a fault; si_pid and si_uid of a kill.
  package var detail: UInt64
}

/// How a task ended.
package enum Termination: Sendable, Hashable {
  /// exit(2) with that code.
  case exited(Int32)
  /// By a signal.
  case signalled(Int32, dumpedCore: Bool)

  /// From the wait status of wait(2).
  package init(waitStatus: Int32) {
    let signal = waitStatus & 0x7f
    self =
      signal == 0 ? .exited(waitStatus >> 8 & 0xff) : .signalled(signal, dumpedCore: waitStatus & 0x80 != 0)
  }

  /// What a shell would say: the code, or 128 + the signal.
  package var shellStatus: Int32 {
    switch self {
    case .exited(let code): code
    case .signalled(let signal, _): 128 + signal
    }
  }
}
