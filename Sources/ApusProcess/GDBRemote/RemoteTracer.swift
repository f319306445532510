package import ApusCore
package import ApusSystem

/// Processes held by a server of GDB's remote protocol: gdbserver (all-stop or non-stop), or qemu's user-mode emulator.
///
/// In all-stop mode every event stops all threads, and `resume` of one lets all run; requests are answered only while
/// they are stopped. Signals are GDB's business there: one that we do not hand back is lost. When the connection breaks,
/// gdbserver keeps the target stopped and waits for another debugger.
///
/// Guarded by: the thread that uses it (`waker` excepted).
package final class RemoteTracer: ProcessTracer {
  /// What the server does not say.
  package struct Options: Sendable {
    /// Whether threads are to be stopped one by one; gdbserver can. Without `prefersNonStop` an error if the server cannot.
    package var nonStop = false
    /// Whether `nonStop` is only wanted where the server has it.
    package var prefersNonStop = false
    /// Whether births and ends of threads are to be told in all-stop mode too. gdbserver 13 crashes there at a thread's end.
    package var tellsThreadsInAllStop = true
    /// qemu's own process on this machine, which a SIGTRAP interrupts: it does not listen to its connection while the target
    /// runs. Found out by itself if the connection is a socket of the file system.
    package var stubProcess: ProcessID?
    /// How long an answer may take.
    package var timeoutMilliseconds = 10_000
    /// How long a server that does not listen yet is asked again.
    package var patienceMilliseconds = 5_000

    /// The usual ones.
    package init() {}
  }

  package let waker: Waker
  /// Set when the target is known; see `begin`.
  package internal(set) var capabilities: TracerCapabilities

  let server: RemoteServer
  let options: Options
  /// Until the target is known, any.
  var machine: any RemoteMachine = RemoteMachines.machine(of: .x86_64)
  var description: TargetDescription?
  var records: [ThreadID: RemoteThreadRecord] = [:]
  var memories: [ProcessID: ProcessMemory] = [:]
  /// Events that have been taken from the server and not been told yet.
  var ready: [TraceEvent] = []
  /// Threads, and their processes, whose ends are still to be told.
  var ended: [ThreadID: ProcessID] = [:]
  /// Threads that are to be interrupted, of which nothing has been heard yet.
  var interrupting: [ThreadID] = []
  /// Whether one thread makes a step for a remote call.
  var isStepping = false
  /// What the target wrote, where the server sends that (`O` packets).
  package internal(set) var output: [UInt8] = []

  /// Connects to a server. If it has a target already, that is held now, stopped; otherwise there must be a `launch` or
  /// an `attach` (gdbserver --multi).
  package init(to address: SocketAddress, options: Options = Options()) throws(TraceError) {
    self.options = options
    do throws(SystemError) { waker = Waker(event: try EventDescriptor()) } catch { throw .system(error) }
    capabilities = TracerCapabilities(
      sharesMemory: false, writesText: false, isAllStop: false, callsRemotely: true, survivesTracer: false)
    do throws(RemoteError) {
      server = try RemoteServer(
        to: address, nonStop: options.nonStop, isPreference: options.prefersNonStop,
        timeoutMilliseconds: options.timeoutMilliseconds,
        patienceMilliseconds: options.patienceMilliseconds)
      let answer = try server.ask("?")
      // A server without a target says `W00`, or `OK` in non-stop mode.
      if answer.first == UInt8(ascii: "T") || answer.first == UInt8(ascii: "S") { try begin(answer) }
    } catch { throw .remote(error) }
  }

  package var architecture: Architecture { machine.layout.architecture }
  package var isEmpty: Bool { records.isEmpty && ready.isEmpty }

  /// The processes that are held.
  package var processes: [ProcessID] { Set(records.values.map(\.process)).sorted() }

  /// The threads that are held of a process, in order of number.
  package func threads(of process: ProcessID) -> [ThreadID] {
    records.filter { $0.value.process == process }.map(\.key).sorted()
  }

  /// Whether the thread is held and stopped.
  package func isStopped(_ thread: ThreadID) -> Bool { records[thread]?.isStopped ?? false }

  package func process(of thread: ThreadID) throws(TraceError) -> ProcessID {
    guard let record = records[thread] else { throw .notStopped(thread: thread) }
    return record.process
  }

  package func memory(of process: ProcessID) throws(TraceError) -> ProcessMemory {
    if let memory = memories[process] { return memory }
    guard records.values.contains(where: { $0.process == process }) else { throw .gone(thread: process) }
    let access = RemoteMemory(of: process, at: server) { [weak self] () throws(RemoteError) in
      let any = self?.records.values.filter { $0.process == process }.min { $0.id.thread < $1.id.thread }
      guard let any else { throw .failed(request: "memory", answer: "the process has ended") }
      return any.id
    }
    let memory = ProcessMemory(of: process, through: access)
    memories[process] = memory
    return memory
  }

  func requireStopped(_ thread: ThreadID) throws(TraceError) -> RemoteThreadRecord {
    guard let record = records[thread], record.isStopped else {
      if ended[thread] != nil { throw .gone(thread: thread) }
      throw .notStopped(thread: thread)
    }
    return record
  }
}

/// A thread that a server holds.
struct RemoteThreadRecord {
  /// As the server names it.
  var id: RemoteThreadID
  /// Its process; the thread's own number where the server tells of none.
  var process: ProcessID
  var isStopped: Bool
  /// The signal that it stopped with, by GDB's number, if it is to be delivered; 0 for none.
  var signal: UInt8 = 0
  /// `g`'s data while it is stopped.
  var registers: [UInt8]?
}
