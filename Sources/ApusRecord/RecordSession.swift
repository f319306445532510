internal import ApusCore
internal import ApusELF
internal import ApusISA
internal import ApusLiveText
internal import ApusProbe
internal import ApusProcess
internal import ApusSystem
internal import ApusTraceFile
package import Logging

/// One recording: a program from its start to its end. Belongs to the thread that makes it.
///
/// The parts are in the extensions: launching (`+Launch`), modules and their sites (`+Modules`), threads (`+Threads`), the
/// events of the process (`+Events`), the end (`+Summary`).
package final class RecordSession {
  let options: RecordOptions
  let logger: Logger
  let chooser: FunctionChooser
  let system: any TargetSystem
  var tracer: any ProcessTracer { system.tracer }
  let states: SiteStates
  let writer: TraceWriter
  let clockStart: ApusTraceFile.ClockAnchor

  /// The process; 0 before the launch.
  var process: ProcessID = 0
  /// Its first thread: the process's number, but for servers that count in their own way.
  var mainThread: ThreadID = 0
  /// What was made in the process.
  var memory: SessionMemory?
  var contexts: ContextTable?
  var buffers: BufferPool?
  var trampolines: [TrampolineWriter] = []
  /// What debuggers are told of them, if that is asked for.
  var symbols: TrampolineSymbols?
  var faults: [Address: Address] = [:]
  var worker: DrainWorker?
  var minimumTicks: UInt64 = 0

  /// The modules that are loaded.
  var loaded: Set<LoadedInstance> = []
  var moduleCount: UInt32 = 0
  var functionCount: UInt32 = 0
  /// Functions that were chosen as roots.
  var rootCount = 0
  var usableSites = 0
  var sites = SitesRecord(found: 0, enabled: 0, refused: [])
  /// Enabled sites, by where a nop disables them, of the modules that are loaded.
  var enabled: [LoadedInstance: [Address]] = [:]
  /// Modules that are loaded and have no arena in reach of all of their text.
  var unreached: [LoadedInstance: UnreachedText] = [:]
  var hookFailures: [String] = []
  /// The modules whose unwinders do not find their way through recorded frames, by path.
  var unpassable: Set<String> = []
  var notes: [String] = []
  /// Calls at count level, by function, of threads that have ended.
  var counts: [UInt64] = []

  /// Threads that are being recorded.
  var threads: [ThreadID: RecordedThread] = [:]
  var threadCount: UInt32 = 0
  /// Thread pointers that several tasks have, none of which is recorded for that reason, and which of the process's threads
  /// have them.
  var shared: [UInt64: Set<ThreadID>] = [:]
  /// The thread that was asked to stop, so that the loader can be answered.
  var asked: ThreadID?
  /// The thread whose event is being handled: remote calls can be made in it.
  var stoppedThread: ThreadID?
  let signals: SignalForwarder
  /// Behind a connection without shared memory: see `RecordSession+Copies`.
  var copies = CopyState()
  /// Signals that were sent to us and are to be delivered to the program behind a connection.
  let forwarded = ForwardedSignals()
  /// Whether the process is still the program that was set up.
  var isLive = false
  var status: Termination?
  var failure: RecordError?

  /// A module at its place.
  struct LoadedInstance: Hashable {
    var path: String
    var bias: UInt64
  }

  /// A thread that is being recorded.
  struct RecordedThread {
    var record: ThreadRecord
    var context: Int
    var ring: RingReader?
    /// Its ring where there is no view of it.
    var copied: CopiedRing?
    /// The context has been taken away: another task has its thread pointer too.
    var isGivenUp = false
  }

  /// The key of the one process that a recording has.
  static let processKey: UInt32 = 1

  /// Opens the trace file, which stays as it is; nothing is started yet.
  package init(_ options: RecordOptions, logger: Logger) throws(RecordError) {
    var options = options
    self.logger = logger
    chooser = FunctionChooser(options)
    do throws(SystemError) { signals = try SignalForwarder() } catch { throw .process(.system(error)) }
    if let remote = options.remote {
      system = try RemoteSystem(remote, command: options.command)
    } else {
      system = try LocalSystem()
    }
    let tracer = system.tracer
    let lacksTimes = options.isTimed && !system.clock.isRunning
    if lacksTimes {
      guard options.minimumDuration == 0 else {
        throw .process(
          .refused(
            process: 0,
            why: "the counter that calls are timed by stands still there: leave out --min-duration"))
      }
      options.isTimed = false
    }
    self.options = options
    states = SiteStates(tracer.architecture)
    let (frequency, anchor) = (system.clock.frequency, system.clock.start)
    clockStart = anchor
    minimumTicks =
      options.minimumDuration == 0
      ? 0 : max(1, UInt64((Double(options.minimumDuration) * Double(frequency) / 1e9).rounded()))
    do throws(TraceWriteError) {
      writer = try TraceWriter(
        path: options.output,
        clock: ClockDescription(
          kind: options.isTimed ? .counter(of: tracer.architecture) : .none, frequency: frequency,
          first: anchor),
        registers: options.registers.isEmpty ? nil : Self.registerNames(tracer.architecture),
        replacing: false)
      try writer.setMode(returns: options.level == .graph, timed: options.isTimed)
    } catch { throw .trace(error) }
    if lacksTimes { note("the counter that calls are timed by stands still there: no times are recorded") }
  }

  /// The words that stubs record of the registers.
  private static func registerNames(_ architecture: Architecture) -> RegisterNames {
    let layout = RegisterFileLayout(architecture)
    return RegisterNames(
      names: Array(layout.names.prefix(layout.recorded)), arguments: layout.arguments)
  }

  /// Records from the program's start to its end.
  package func run() throws(RecordError) -> RecordResult {
    defer {
      do throws(TraceWriteError) { try writer.discard() } catch { logger.debug("\(error)") }
    }
    try start()
    try followEvents()
    return finish()
  }
}

func lifting<Value>(_ body: () throws(TraceError) -> Value) throws(RecordError) -> Value {
  do throws(TraceError) { return try body() } catch { throw .process(error) }
}

func lifting<Value>(_ body: () throws(LiveTextError) -> Value) throws(RecordError) -> Value {
  do throws(LiveTextError) { return try body() } catch { throw .liveText(error) }
}

func lifting<Value>(_ body: () throws(TraceWriteError) -> Value) throws(RecordError) -> Value {
  do throws(TraceWriteError) { return try body() } catch { throw .trace(error) }
}

func lifting<Value>(_ body: () throws(ApusProcess.MemoryError) -> Value) throws(RecordError) -> Value {
  do throws(ApusProcess.MemoryError) { return try body() } catch { throw .process(.memory(error)) }
}
