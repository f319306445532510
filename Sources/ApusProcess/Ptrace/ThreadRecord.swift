/// What the tracer knows of a thread that it holds.
struct ThreadRecord {
  /// Where a stopped thread stands.
  enum Stop: Equatable {
    /// In the kernel's signal code, with nothing pending of ours: the only place for remote calls.
    case event
    case group(Int32)
    case signal(Int32)
    case systemCallEntry
    case systemCallExit
    case created(TraceEvent.Birth)
    case executed
    case vforkDone
    case exiting
  }

  /// Its life.
  enum State: Equatable {
    case running
    /// In a group stop, waiting for its end (PTRACE_LISTEN).
    case listening
    case stopped(Stop)
    /// Its end has been heard of, and is still to be told.
    case ended
  }

  /// Its process.
  var process: ProcessID
  /// Its state.
  var state: State
  /// The system call that restart_syscall stands for, and where.
  var restarting: Restart?

  /// An interrupted call that goes on by restart_syscall.
  struct Restart: Equatable {
    var programCounter: UInt64
    var call: UInt64
  }
}
