package import ApusCore
internal import ApusSystem
internal import CApusLinux
internal import Glibc

/// Processes held by ptrace(2), seized: nothing of it is visible to them.
///
/// ptrace belongs to one thread of the operating system: the one that makes the tracer must do all the rest, wait
/// included (`waker` excepted). Children of that thread which are not traced are reaped unseen, so it should have none.
///
/// Guarded by: that thread; nothing here is shared, apart from the two event descriptors.
package final class PtraceTracer: ProcessTracer {
  package let capabilities = TracerCapabilities(
    sharesMemory: true, writesText: true, isAllStop: false, callsRemotely: true, survivesTracer: true)
  package let waker: Waker

  let machine: any PtraceMachine
  let childEvents: EventDescriptor
  let owner: ThreadID

  var records: [ThreadID: ThreadRecord] = [:]
  var memories: [ProcessID: ProcessMemory] = [:]
  /// Events that have been taken from the kernel and not been told yet.
  var ready: [TraceEvent] = []
  /// New tasks that have not been told of.
  var births = Births()

  /// For tests of what a death of ours leaves behind: called after each step of a remote call; a throw ends it there.
  package var afterCallStep: ((RemoteCallStep) throws(TraceError) -> Void)?

  /// The room for gate code, in bytes.
  package static let gateSize = 16

  /// A tracer of this machine's processes, owned by the calling thread.
  package init() throws(TraceError) {
    guard let architecture = Architecture(rawValue: MachineName.ofThisBuild),
      let machine = Self.machine(for: architecture)
    else {
      throw .unsupportedMachine(
        process: 0, why: "programs of this machine (\(MachineName.ofThisBuild)) cannot be traced")
    }
    self.machine = machine
    do throws(SystemError) {
      childEvents = try EventDescriptor()
      waker = Waker(event: try EventDescriptor())
    } catch { throw .system(error) }
    owner = SystemThread.current
    let error = apus_child_events_register(childEvents.rawValue)
    if error != 0 {
      throw .system(SystemError(call: "sigaction(SIGCHLD)", errno: Errno(rawValue: error)))
    }
  }

  deinit { apus_child_events_unregister(childEvents.rawValue) }

  package var architecture: Architecture { machine.layout.architecture }
  package var isEmpty: Bool { records.isEmpty && ready.isEmpty && births.isEmpty }

  /// The code of a gate, for whoever puts one into an arena.
  package var gateCode: [UInt8] { machine.gateCode }

  /// The threads that are held of a process, in order of number.
  package func threads(of process: ProcessID) -> [ThreadID] {
    records.filter { $0.value.process == process && $0.value.state != .ended }.map(\.key).sorted()
  }

  /// Whether the thread is held and stopped.
  package func isStopped(_ thread: ThreadID) -> Bool {
    if case .stopped? = records[thread]?.state { return true }
    return false
  }

  package func process(of thread: ThreadID) throws(TraceError) -> ProcessID {
    guard let record = records[thread] else { throw .notStopped(thread: thread) }
    return record.process
  }

  package func memory(of process: ProcessID) throws(TraceError) -> ProcessMemory {
    if let memory = memories[process] { return memory }
    do throws(SystemError) {
      let memory = try ProcessMemory(of: process)
      memories[process] = memory
      return memory
    } catch {
      if error.errno == .noSuchFile || error.errno == .noSuchProcess { throw .gone(thread: process) }
      throw .system(error)
    }
  }

  /// One request; `data` and `address` are plain numbers.
  func request(_ request: PtraceRequest, _ thread: ThreadID, address: Int = 0, data: Int = 0) -> Int {
    Kernel.raw(APUS_SYS_ptrace, request.rawValue, Int(thread), address, data)
  }

  /// One request whose failure with ESRCH means that the thread is being killed: we know that it was stopped.
  func check(_ name: String, _ thread: ThreadID, _ result: Int) throws(TraceError) {
    if result >= 0 { return }
    let errno = Errno(rawValue: Int32(clamping: -result))
    if errno == .noSuchProcess { throw .gone(thread: thread) }
    throw .system(SystemError(call: "ptrace(\(name))", errno: errno, context: "thread \(thread)"))
  }

  /// Where a stopped thread stands.
  ///
  /// - Throws: `gone` for one that has been stopped, as far as it is told, and has ended meanwhile.
  func requireStopped(_ thread: ThreadID) throws(TraceError) -> ThreadRecord.Stop {
    switch records[thread]?.state {
    case .stopped(let stop): return stop
    case .ended: throw .gone(thread: thread)
    case .running, .listening, nil: throw .notStopped(thread: thread)
    }
  }
}
