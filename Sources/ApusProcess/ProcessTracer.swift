package import ApusCore
internal import ApusSystem

/// A thread's number, as the kernel knows it in the tracer's pid namespace.
package typealias ThreadID = Int32
/// A process's number: that of its first thread.
package typealias ProcessID = Int32

/// What a back end can do, as values: nothing else may be concluded from its kind.
package struct TracerCapabilities: Sendable, Hashable {
  /// Memory can be mapped here and there at once (memfd and pidfd_getfd).
  package var sharesMemory: Bool
  /// Read-only text can be written.
  package var writesText: Bool
  /// One thread's stop stops them all, as with GDB's remote protocol in all-stop mode.
  package var isAllStop: Bool
  /// System calls can be made in a stopped thread.
  package var callsRemotely: Bool
  /// The process runs on correctly when the tracer is killed at any moment.
  package var survivesTracer: Bool
  /// How a running thread is stopped.
  package var interrupt: InterruptKind = .perThread
  /// Registers can be read one at a time, not only all together.
  package var readsSingleRegisters = true
  /// Files of the process's system can be read: its /proc, its program.
  package var readsFiles = true
  /// Threads can be stopped and resumed one by one, and memory can be read while they run.
  package var isNonStop = true

  /// New threads and the ends of threads are told.
  package var tellsThreads = true

  /// How a running thread is stopped.
  package enum InterruptKind: Sendable, Hashable {
    /// That thread alone, unseen by it.
    case perThread
    /// The server is sent what Ctrl-C would be. gdbserver sends SIGINT to the target's whole process group (which it
    /// takes back from the processes that it holds only): the target should be a group of its own (setsid).
    case breakCharacter
    /// SIGTRAP is sent to the server's process, which must be on this machine.
    case signal(ProcessID)
    /// Not at all.
    case none
  }
}

/// Processes from outside: their threads, registers and memory. One tracer may hold a tree of processes.
///
/// A tracer belongs to the thread that made it; only its `waker` may be used elsewhere. "Stopped" means: an event
/// told so, and neither `resume` nor `detach` came since.
package protocol ProcessTracer: AnyObject {
  /// What it can do.
  var capabilities: TracerCapabilities { get }
  /// The processes' architecture.
  var architecture: Architecture { get }
  /// Wakes `next` from another thread.
  var waker: Waker { get }
  /// Whether no thread is held any more.
  var isEmpty: Bool { get }

  /// Whether the thread is held and stopped.
  func isStopped(_ thread: ThreadID) -> Bool
  /// The next event; nil when the time is over, the waker was used, or no thread is held any more.
  func next(timeoutMilliseconds: Int?) throws(TraceError) -> TraceEvent?
  /// Lets a stopped thread run on. `signal`: nil for the one that it stopped with, 0 for none.
  func resume(_ thread: ThreadID, signal: Int32?) throws(TraceError)
  /// Lets a stopped thread run on, and no other that is stopped, even where one's stop stops all.
  func resumeAlone(_ thread: ThreadID, signal: Int32?) throws(TraceError)
  /// Asks a running thread to stop; an `interrupted` event follows.
  func interrupt(_ thread: ThreadID) throws(TraceError)
  /// Lets a stopped thread go for good.
  func detach(_ thread: ThreadID, signal: Int32?) throws(TraceError)
  /// The process that a held thread belongs to.
  func process(of thread: ThreadID) throws(TraceError) -> ProcessID
  /// A stopped thread's registers.
  func registers(of thread: ThreadID) throws(TraceError) -> RegisterFile
  /// A stopped thread's thread pointer (fs base, TPIDR_EL0, r13).
  func threadPointer(of thread: ThreadID) throws(TraceError) -> UInt64
  /// The code of a gate, for whoever puts one into an arena.
  var gateCode: [UInt8] { get }
  /// Sets a stopped thread's registers.
  func setRegisters(_ registers: RegisterFile, of thread: ThreadID) throws(TraceError)
  /// A process's memory. After an exec the former object is dead, and a new one must be asked for.
  func memory(of process: ProcessID) throws(TraceError) -> ProcessMemory
  /// Makes a system call in a stopped thread, which is stopped again afterwards, at the place where it was.
  ///
  /// - Parameter payload: bytes (128 at the most) that are put where the process can read them during the call; their
  ///   address becomes the call's first argument, before `arguments`. nil: there are none.
  func call(
    _ call: RemoteSystemCall, payload: [UInt8]?, _ arguments: [UInt64], on thread: ThreadID,
    through gate: RemoteCallGate
  ) throws(TraceError) -> UInt64
}

extension ProcessTracer {
  package func resumeAlone(_ thread: ThreadID, signal: Int32?) throws(TraceError) {
    try resume(thread, signal: signal)
  }
}

/// Wakes a tracer that waits in `next`, from any thread.
package struct Waker: Sendable {
  let event: EventDescriptor

  /// `next` returns nil as soon as it can, once.
  package func wake() { event.signal() }
}
