internal import ApusCore
internal import ApusELF
internal import ApusLiveText
internal import ApusProcess
internal import ApusSystem
internal import ApusTraceFile
internal import Glibc

/// A machine, or an emulator, behind a server of GDB's remote protocol.
final class RemoteSystem: TargetSystem {
  let remote: RemoteTracer
  let stopsItself = true
  let gate: RemoteCallGate?
  let pageSize: UInt64
  let clock: TargetClock
  let chunkBits: UInt8
  private let process: ProcessID
  private let thread: ThreadID
  private let lastingGate: RemoteCallGate
  private let vector: [UInt64: UInt64]
  private let shared: ConnectionSharing
  /// Whether we had it started.
  private let isOurs: Bool

  /// Connects, and takes the server's program or has `command` started.
  init(_ options: RemoteOptions, command: [String]) throws(RecordError) {
    var tracing = RemoteTracer.Options()
    tracing.nonStop = !options.allStop
    tracing.prefersNonStop = true
    tracing.tellsThreadsInAllStop = false
    let remote: RemoteTracer
    do throws(TraceError) {
      remote = try RemoteTracer(to: options.address, options: tracing)
      isOurs = remote.processes.isEmpty
      if isOurs {
        guard !command.isEmpty else {
          throw TraceError.refused(
            process: 0, why: "the server at \(options.address) has no program yet: name one for it to start")
        }
        try remote.launch(LaunchRequest(command, environment: []))
      } else if let held = remote.processes.first, !command.isEmpty {
        throw TraceError.refused(
          process: held,
          why: "the server at \(options.address) has a program already, and does not start another: name none"
        )
      }
      guard let process = remote.processes.first, let thread = remote.threads(of: process).first else {
        throw TraceError.gone(thread: 0)
      }
      self.process = process
      self.thread = thread
      vector = try remote.auxiliaryVector(of: thread)
      pageSize = vector[UInt64(AT_PAGESZ)] ?? 4096
      lastingGate = try remote.installGate(on: thread)
      clock = try Self.measure(remote, thread, lastingGate)
    } catch { throw .process(error) }
    self.remote = remote
    gate = lastingGate
    shared = ConnectionSharing(remote, mayShare: options.sharesMemory)
    // An emulator keeps an entry for each page that is reserved.
    chunkBits = remote.capabilities.readsFiles ? 15 : 12
  }

  var tracer: any ProcessTracer { remote }

  private static func anchor(
    _ remote: RemoteTracer, _ thread: ThreadID, _ gate: RemoteCallGate
  ) throws(TraceError) -> ApusTraceFile.ClockAnchor {
    var best = try remote.readCounter(on: thread, through: gate)
    for _ in 0..<4 {
      let other = try remote.readCounter(on: thread, through: gate)
      if other.after - other.before < best.after - best.before { best = other }
    }
    let middle = best.before + (best.after - best.before) / 2
    let (now, real) = (Clock.monotonic.now(), Clock.realtime.now())
    return ApusTraceFile.ClockAnchor(
      counter: best.counter, monotonic: middle, realtime: real &- (now &- middle))
  }

  /// The frequency, by two readings a tenth of a second apart; the trace's last anchor improves on it.
  private static func measure(
    _ remote: RemoteTracer, _ thread: ThreadID, _ gate: RemoteCallGate
  ) throws(TraceError) -> TargetClock {
    let first = try anchor(remote, thread, gate)
    usleep(100_000)
    let last = try anchor(remote, thread, gate)
    let ticks = Double(last.counter &- first.counter)
    let seconds = Double(max(1, last.monotonic &- first.monotonic)) / 1e9
    return TargetClock(
      frequency: UInt64(max(1, (ticks / seconds).rounded())), start: first, isLocal: false)
  }

  func anchor(on thread: ThreadID?) -> ApusTraceFile.ClockAnchor {
    if let thread {
      do throws(TraceError) { return try Self.anchor(remote, thread, lastingGate) } catch {
        // It may have ended meanwhile; the estimate is as good as the first measurement.
      }
    }
    return ApusTraceFile.ClockAnchor(
      counter: clock.counter(), monotonic: Clock.monotonic.now(), realtime: Clock.realtime.now())
  }

  func launch(_ command: [String]) throws(RecordError) -> (process: ProcessID, thread: ThreadID) {
    (process, thread)
  }

  func abandon(_ process: ProcessID) throws(TraceError) {
    if isOurs { try remote.kill(process) } else { remote.disconnect() }
  }

  func mappings(of process: ProcessID, on thread: ThreadID) throws(RecordError) -> [MemoryMapping] {
    try lifting { () throws(TraceError) in
      let bytes =
        remote.capabilities.readsFiles
        ? try remote.readFile("/proc/\(process)/maps")
        : try remote.readFile("/proc/self/maps", on: thread, through: lastingGate)
      // What is shared with us is no module.
      return ProcessMaps.parse(String(decoding: bytes, as: UTF8.self)).map { mapping in
        var mapping = mapping
        if mapping.isShared, mapping.isDeleted { mapping.name = nil }
        return mapping
      }
    }
  }

  func instances(
    of module: ModuleImage.Mapped, in process: ProcessID, on thread: ThreadID
  ) throws(ModuleError) -> [ModuleImage] {
    if let source = localFile(module, process) {
      return try ModuleImage.instances(of: module, bytes: source, pageSize: pageSize)
    }
    let bytes: [UInt8]
    do throws(TraceError) {
      bytes =
        remote.capabilities.readsFiles
        ? try remote.readFile(module.path)
        : try remote.readFile(module.path, on: thread, through: lastingGate)
    } catch { throw ModuleError(path: module.path, why: "\(error)") }
    return try ModuleImage.instances(of: module, bytes: bytes, pageSize: pageSize)
  }

  /// The file of that path on this machine, if it is the same: its first page, with the headers and the build-id, is what is
  /// mapped. (What is written later is compared with what is there.)
  private func localFile(_ module: ModuleImage.Mapped, _ process: ProcessID) -> (any ByteSource)? {
    guard let head = module.mappings.first(where: { $0.offset == 0 }) else { return nil }
    do {
      let memory = try MappedMemory.file(module.path)
      let count = min(memory.count, 4096)
      let there = try remote.memory(of: process).read(head.range.start, count: count)
      return try memory.bytes(at: 0, count: count) == there ? ModuleImage.source(memory) : nil
    } catch { return nil }  // then it is read where it is
  }

  func name(of thread: ThreadID, in process: ProcessID) -> String {
    guard remote.capabilities.readsFiles else { return "" }
    do throws(TraceError) {
      let bytes = try remote.readFile("/proc/\(process)/task/\(thread)/comm")
      return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    } catch { return "" }
  }

  func hasEnded(_ thread: ThreadID, in process: ProcessID) -> Bool {
    guard remote.capabilities.readsFiles else { return false }
    let text: String
    do throws(TraceError) {
      text = String(
        decoding: try remote.readFile("/proc/\(process)/task/\(thread)/stat"), as: UTF8.self)
    } catch .remote(.failed) {
      return true  // there is no such file
    } catch { return false }
    return Self.isOver(stat: text)
  }

  /// Whether a task runs no more, by its `/proc/PID/task/TID/stat` (proc(5)): it is dead, or the kernel is ending it, which gives
  /// its stack and thread pointer to the next before it is dead.
  static func isOver(stat: String) -> Bool {
    // The state follows the name, which may have parentheses and spaces; the flags are the seventh from there.
    guard let end = stat.lastIndex(of: ")") else { return false }
    let fields = stat[end...].dropFirst().split(separator: " ")
    guard fields.count > 6, let flags = UInt64(fields[6]) else { return false }
    return fields[0] == "Z" || fields[0] == "X" || flags & exiting != 0
  }

  /// PF_EXITING of the kernel's task flags.
  private static let exiting: UInt64 = 4

  func program(of process: ProcessID) -> String? {
    do throws(TraceError) { return try remote.programPath(of: process) } catch { return nil }
  }

  func addressLimit(of process: ProcessID) throws(SystemError) -> UInt64? { nil }

  func handles(_ signal: Int32, in process: ProcessID) -> Bool? {
    guard remote.capabilities.readsFiles else { return nil }
    do throws(TraceError) {
      let text = String(decoding: try remote.readFile("/proc/\(process)/status"), as: UTF8.self)
      var bits: UInt64 = 0
      for line in text.split(separator: "\n") where line.hasPrefix("SigCgt:") || line.hasPrefix("SigIgn:") {
        bits |= UInt64(line.drop { !$0.isWhitespace }.filter(\.isHexDigit), radix: 16) ?? 0
      }
      return bits >> UInt64(signal - 1) & 1 != 0
    } catch { return nil }
  }

  func sharing(with process: ProcessID) -> any MemorySharing { shared }

  func withGate<Value>(
    _ process: ProcessID, _ body: (RemoteCallGate) throws(RecordError) -> Value
  ) throws(RecordError) -> Value { try body(lastingGate) }

  /// An emulator that does not write what it has translated does so while the pages may be written by the program.
  func writingText(
    of image: ModuleImage, by caller: RemoteCaller, _ body: () throws(RecordError) -> Void
  ) throws(RecordError) {
    if remote.capabilities.writesText { return try body() }
    let page = ~(pageSize - 1)
    let ranges = image.image.segments.filter { $0.isLoaded && $0.isExecutable }.map {
      AddressRange(
        image.live($0.addresses.start) & page, (image.live($0.addresses.end) &+ pageSize &- 1) & page)
    }
    func protect(_ protection: Int32) throws(RecordError) {
      for range in ranges {
        try lifting { () throws(TraceError) in try caller.mprotect(range, protection: protection) }
      }
    }
    try protect(PROT_READ | PROT_WRITE | PROT_EXEC)
    do throws(RecordError) { try body() } catch {
      try protect(PROT_READ | PROT_EXEC)
      throw error
    }
    try protect(PROT_READ | PROT_EXEC)
  }

  func forward(
    _ signals: SignalForwarder, to process: ProcessID, _ handler: @escaping @Sendable (Int32) -> Void
  ) { signals.forward(through: handler) }

  var warning: String? {
    "should apus or the connection be lost, the program stands still at its next stop until its server lets it go; "
      + "should the server be killed, its next stop may end it"
  }
}

extension RemoteSystem {
  /// A program with a dynamic loader runs to the hook that the loader has for debuggers, at which its libraries are relocated and
  /// no constructor has run; a static one to `_init`, which comes before all but DT_PREINIT_ARRAY.
  func runToStart(_ process: ProcessID) throws(RecordError) {
    let places = try startPlaces()
    while true {
      let place = try lifting { () throws(TraceError) in try remote.run(thread, to: places) }
      guard place != nil else { throw .endedEarly(.exited(0)) }
      // The loader calls its hook once before it has mapped anything.
      if try lifting({ () throws(TraceError) in try remote.threadPointer(of: thread) }) != 0 { return }
    }
  }

  private func startPlaces() throws(RecordError) -> [Address] {
    let base = vector[UInt64(AT_BASE)] ?? 0
    let headers = vector[UInt64(AT_PHDR)] ?? 0
    let mappings = try mappings(of: process, on: thread)
    guard
      let module = ModuleImage.mapped(mappings).first(where: { module in
        module.mappings.contains { base != 0 ? $0.range.start == base : $0.range.contains(headers) }
      })
    else {
      throw .process(.refused(process: process, why: "what starts it is not among its mappings"))
    }
    let image: ModuleImage
    do throws(ModuleError) {
      let all = try instances(of: module, in: process, on: thread)
      guard let first = all.first else { throw ModuleError(path: module.path, why: "it is not mapped whole") }
      image = first
    } catch { throw .process(.refused(process: process, why: "\(error)")) }
    let counter = try lifting { () throws(TraceError) in try remote.registers(of: thread) }.programCounter
    guard counter == image.live(image.image.entryPoint) else {
      throw .process(
        .refused(
          process: process, why: "it has run already: only programs that are at their start are recorded"))
    }
    do throws(ELFError) {
      if base != 0 {
        let hooks = try HookSite.find(in: image.image, purposes: [.loader])
        if !hooks.isEmpty { return hooks.map { image.live($0.address) } }
      }
      for name in ["_init", "main"] {
        let found = try image.image.functions().filter { $0.names.contains(name) }
        if !found.isEmpty { return found.map { image.live($0.localEntry) } }
      }
    } catch { throw .process(.refused(process: process, why: "\(module.path): \(error)")) }
    throw .process(
      .refused(
        process: process,
        why: "\(module.path) has neither a debugger hook nor symbols: where it starts is not known"))
  }
}
