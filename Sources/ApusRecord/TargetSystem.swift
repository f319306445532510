internal import ApusCore
internal import ApusLiveText
internal import ApusProcess
internal import ApusSystem
internal import ApusTraceFile

/// The system that the recorded program runs on: this machine, or one behind a connection.
protocol TargetSystem: AnyObject {
  /// What holds the program.
  var tracer: any ProcessTracer { get }
  /// Bytes of a page there.
  var pageSize: UInt64 { get }
  /// log2 of how many stack chunks there may be at once.
  var chunkBits: UInt8 { get }
  /// How code that waits for us does so: by stops (behind a connection) or by looking at the control page.
  var stopsItself: Bool { get }
  /// A gate that lasts; nil: the arenas' are used.
  var gate: RemoteCallGate? { get }
  /// The clock that events are stamped with.
  var clock: TargetClock { get }

  /// Starts the program, or takes what has been started; it is stopped before its first instruction.
  func launch(_ command: [String]) throws(RecordError) -> (process: ProcessID, thread: ThreadID)
  /// Runs the program until its libraries are mapped and its thread pointer is set, before its first constructor.
  func runToStart(_ process: ProcessID) throws(RecordError)
  /// Ends a program that could not be set up: it has not run a line of its own yet.
  func abandon(_ process: ProcessID) throws(TraceError)

  /// What is mapped in the process, one thread of which is stopped.
  func mappings(of process: ProcessID, on thread: ThreadID) throws(RecordError) -> [MemoryMapping]
  /// The instances of a mapped file.
  func instances(
    of module: ModuleImage.Mapped, in process: ProcessID, on thread: ThreadID
  ) throws(ModuleError) -> [ModuleImage]
  /// A thread's name; empty if it is not known.
  func name(of thread: ThreadID, in process: ProcessID) -> String
  /// Whether a thread of a process is known to have ended, though no event has told so.
  func hasEnded(_ thread: ThreadID, in process: ProcessID) -> Bool
  /// The path of the process's program, if that is known.
  func program(of process: ProcessID) -> String?
  /// The process's limit of addresses in bytes, if it has one that is known.
  func addressLimit(of process: ProcessID) throws(SystemError) -> UInt64?

  /// Whether the process ignores a signal, or has a handler for it; nil where that is not known.
  func handles(_ signal: Int32, in process: ProcessID) -> Bool?
  /// How memory comes to be in the process.
  func sharing(with process: ProcessID) -> any MemorySharing
  /// Makes remote calls possible before there is an arena, while `body` runs.
  func withGate<Value>(
    _ process: ProcessID, _ body: (RemoteCallGate) throws(RecordError) -> Value
  ) throws(RecordError) -> Value
  /// Makes the text of an image writable by the tracer while `body` runs.
  func writingText(
    of image: ModuleImage, by caller: RemoteCaller, _ body: () throws(RecordError) -> Void
  ) throws(RecordError)

  /// The clocks now. `thread`: a stopped one, if there is one.
  func anchor(on thread: ThreadID?) -> ApusTraceFile.ClockAnchor
  /// Hands signals that are sent to us on.
  func forward(
    _ signals: SignalForwarder, to process: ProcessID, _ handler: @escaping @Sendable (Int32) -> Void)
  /// What happens to the program if we are gone, if that is not what happens on this machine.
  var warning: String? { get }
}
