internal import ApusCore
internal import ApusLiveText
internal import ApusProcess
internal import ApusSystem
internal import ApusTraceFile
internal import Glibc

/// This machine, by ptrace.
final class LocalSystem: TargetSystem {
  private let local: PtraceTracer
  /// As it was named, for messages.
  private var program = "the program"
  let pageSize = UInt64(KernelSettings.pageSize)
  let chunkBits: UInt8 = 15
  let stopsItself = false
  let gate: RemoteCallGate? = nil
  let clock: TargetClock
  let warning: String? = nil
  /// As it was given.

  init() throws(RecordError) {
    do throws(TraceError) { local = try PtraceTracer() } catch { throw .process(error) }
    clock = TargetClock(frequency: Self.frequency(), start: Self.now(), isLocal: true)
  }

  var tracer: any ProcessTracer { local }

  /// The counter's frequency in Hz: the processor's own word, or measured for a millisecond; the trace's last anchor
  /// improves on it.
  private static func frequency() -> UInt64 {
    if let frequency = ProcessorCounter.frequency { return frequency }
    let first = ApusSystem.ClockAnchor.now()
    while Clock.monotonic.now() - first.nanoseconds < 1_000_000 {}
    guard let clock = CounterClock(first: first, last: ApusSystem.ClockAnchor.now()) else {
      return 1_000_000_000
    }
    return UInt64((1e9 / clock.nanosecondsPerTick).rounded())
  }

  private static func now() -> ApusTraceFile.ClockAnchor {
    let both = ApusSystem.ClockAnchor.now()
    return ApusTraceFile.ClockAnchor(
      counter: both.counter, monotonic: both.nanoseconds, realtime: Clock.realtime.now())
  }

  func anchor(on thread: ThreadID?) -> ApusTraceFile.ClockAnchor { Self.now() }

  func launch(_ command: [String]) throws(RecordError) -> (process: ProcessID, thread: ThreadID) {
    program = command[0]
    do throws(TraceError) {
      let process = try local.launch(LaunchRequest(command))
      return (process, process)
    } catch {
      if let status = error.launchStatus { throw .notStarted("\(error)", status: status) }
      throw .process(error)
    }
  }

  func runToStart(_ process: ProcessID) throws(RecordError) {
    while true {
      switch try lifting({ () throws(TraceError) in try local.runUntilThreadPointerSet(process) }) {
      case .set: return
      case .ended(let status): throw .endedEarly(status)
      case .executedAgain(isSupported: true): continue
      case .executedAgain(isSupported: false):
        throw .process(.unsupportedMachine(process: process, why: "it runs a 32-bit program"))
      case .startedTask:
        throw .process(
          .unsupportedMachine(process: process, why: "it starts tasks before it has a thread pointer"))
      }
    }
  }

  func abandon(_ process: ProcessID) throws(TraceError) {
    kill(process, SIGKILL)
    while let event = try local.next(timeoutMilliseconds: 1000) {
      if case .exited = event.kind, event.thread == process { break }
      if case .exited = event.kind { continue }
      try? local.resume(event.thread)  // it is being killed
    }
  }

  func mappings(of process: ProcessID, on thread: ThreadID) throws(RecordError) -> [MemoryMapping] {
    do throws(SystemError) { return try ProcessMaps.read(process: process) } catch {
      if error.errno == .accessDenied {
        throw .process(
          .refused(
            process: process,
            why: "\(program) may not be read by this user, or changes its user: run apus as root"))
      }
      throw .process(.system(error))
    }
  }

  func instances(
    of module: ModuleImage.Mapped, in process: ProcessID, on thread: ThreadID
  ) throws(ModuleError) -> [ModuleImage] { try ModuleImage.instances(of: module, process: process) }

  func name(of thread: ThreadID, in process: ProcessID) -> String {
    do throws(SystemError) {
      let text = try WholeFile.text("/proc/\(process)/task/\(thread)/comm")
      return String(text.prefix { $0 != "\n" })
    } catch { return "" }
  }

  func hasEnded(_ thread: ThreadID, in process: ProcessID) -> Bool { false }

  func program(of process: ProcessID) -> String? {
    var path = [CChar](repeating: 0, count: Int(PATH_MAX))
    let length = unsafe readlink("/proc/\(process)/exe", &path, path.count - 1)
    guard length > 0 else { return nil }
    return String(decoding: path[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  func addressLimit(of process: ProcessID) throws(SystemError) -> UInt64? {
    try ResourceLimit.addressSpace(of: process)
  }

  func handles(_ signal: Int32, in process: ProcessID) -> Bool? { nil }

  func sharing(with process: ProcessID) -> any MemorySharing { LocalSharing(process) }

  func withGate<Value>(
    _ process: ProcessID, _ body: (RemoteCallGate) throws(RecordError) -> Value
  ) throws(RecordError) -> Value {
    let bootstrap = try lifting { () throws(TraceError) in try local.installBootstrapGate(process) }
    let value = try body(bootstrap.gate)
    try lifting { () throws(TraceError) in try local.removeBootstrapGate(bootstrap) }
    return value
  }

  func writingText(
    of image: ModuleImage, by caller: RemoteCaller, _ body: () throws(RecordError) -> Void
  ) throws(RecordError) { try body() }

  func forward(
    _ signals: SignalForwarder, to process: ProcessID, _ handler: @escaping @Sendable (Int32) -> Void
  ) { signals.forward(to: process) }
}
