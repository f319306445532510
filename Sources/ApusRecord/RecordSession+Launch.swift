internal import ApusCore
internal import ApusELF
internal import ApusLiveText
internal import ApusProbe
internal import ApusProcess
internal import ApusSystem
internal import ApusTraceFile
internal import Glibc
internal import Logging

extension RecordSession {
  /// Starts the program and sets everything up, before its first constructor runs:
  /// 1. The program is launched and runs until its thread pointer is set; its libraries are mapped then.
  /// 2. A bootstrap gate, and through it the session's memory and the first arena, with a gate of its own.
  /// 3. The main thread's context.
  /// 4. Sites and hooks of all modules.
  /// 5. The thread that drains; the trace takes the place of an older one; the program runs.
  ///
  /// Should we be killed at any point, the process runs on: what was changed so far leads nowhere, or works by itself.
  func start() throws(RecordError) {
    do throws(TraceError) {
      process = try tracer.launch(LaunchRequest(options.command))
    } catch {
      if let status = error.launchStatus { throw .notStarted("\(error)", status: status) }
      throw .process(error)
    }
    do throws(RecordError) { try setUp() } catch {
      // It has not run a line of its own yet; nobody has seen it.
      kill(process, SIGKILL)
      do throws(TraceError) {
        while let event = try tracer.next(timeoutMilliseconds: 1000) {
          if case .exited = event.kind, event.thread == process { break }
          if case .exited = event.kind { continue }
          try? tracer.resume(event.thread)  // it is being killed
        }
      } catch { logger.debug("while ending the process: \(error)") }
      throw error
    }
  }

  private func setUp() throws(RecordError) {
    let process = process
    launching: while true {
      switch try lifting({ () throws(TraceError) in try tracer.runUntilThreadPointerSet(process) }) {
      case .set: break launching
      case .ended(let status): throw .endedEarly(status)
      case .executedAgain(isSupported: true): continue
      case .executedAgain(isSupported: false):
        throw .process(.unsupportedMachine(process: process, why: "it runs a 32-bit program"))
      case .startedTask:
        throw .process(
          .unsupportedMachine(process: process, why: "it starts tasks before it has a thread pointer"))
      }
    }
    let found = try readModules()
    try requireSites(found)
    try requireUnwinding(found)
    try makeMemory(found)
    isLive = true
    try describe()
    let worker = DrainWorker(writer: writer, memory: try sessionMemory(), waker: tracer.waker)
    self.worker = worker
    try begin(thread: process)
    try install(found)
    do throws(SystemError) { _ = try SystemThread { worker.run() } } catch { throw .process(.system(error)) }
    // Up to here whatever goes wrong leaves an older trace of that name as it is.
    if recordsAnything { try lifting { () throws(TraceWriteError) in try writer.replace() } }
    worker.begin()
    try lifting { () throws(TraceError) in try tracer.resume(process, signal: 0) }
  }

  func sessionMemory() throws(RecordError) -> SessionMemory {
    guard let memory else { throw .process(.gone(thread: process)) }
    return memory
  }

  /// Chooses sizes by what is to be recorded, and maps everything.
  private func makeMemory(_ found: [FoundModule]) throws(RecordError) {
    let process = process
    let page = KernelSettings.pageSize
    guard ThreadContext.count * ThreadContext.stride % page == 0, Int(SharedControl.size) % page == 0 else {
      throw .process(
        .unsupportedMachine(
          process: process, why: "this kernel's pages have \(page) bytes, and only 4096 are supported"))
    }
    let siteCount = found.reduce(0) { $0 + $1.sites.sites.count }
    // Libraries that are opened later bring functions too.
    var capacity = 1 << 14
    while capacity < 4 * siteCount { capacity <<= 1 }
    let layout = SharedLayout(
      functionCapacity: capacity, counterArrays: options.level == .count ? ThreadContext.count : 0,
      bufferSize: options.bufferSize)
    let bootstrap = try lifting { () throws(TraceError) in try tracer.installBootstrapGate(process) }
    let caller = RemoteCaller(tracer, thread: process, gate: bootstrap.gate)
    let memory = try lifting { () throws(LiveTextError) in
      let descriptors = try Self.descriptors(of: process)
      return try SessionMemory(
        layout: layout, in: caller, descriptorOf: descriptors, gap: try Self.gaps(process))
    }
    self.memory = memory
    let table = ContextTable(memory)
    contexts = table
    let target = try lifting { () throws(TraceError) in try tracer.memory(of: process) }
    try lifting { () throws(ApusProcess.MemoryError) in try table.mark(in: target) }
    buffers = BufferPool(layout)
    counts = [UInt64](repeating: 0, count: options.level == .count ? capacity : 0)
    memory.setPatience(Self.patience(clockStart))
    _ = try lifting { () throws(LiveTextError) in try memory.own() }
    let main = found.first { !$0.sites.sites.isEmpty } ?? found[0]
    _ = try arena(for: main, caller: caller)
    try lifting { () throws(TraceError) in try tracer.removeBootstrapGate(bootstrap) }
  }

  /// Ten seconds of the counter, in ticks.
  private static func patience(_ start: ApusTraceFile.ClockAnchor) -> UInt64 {
    let now = anchor()
    let ticks = Double(now.counter &- start.counter)
    let nanoseconds = Double(max(1, now.monotonic - start.monotonic))
    return UInt64(ticks / nanoseconds * 10e9)
  }

  static func descriptors(of process: ProcessID) throws(LiveTextError) -> FileDescriptor {
    do throws(SystemError) { return try FileDescriptor.process(process) } catch { throw .system(error) }
  }

  static func gaps(_ process: ProcessID) throws(LiveTextError) -> AddressSpaceGap {
    do throws(SystemError) { return AddressSpaceGap(try ProcessMaps.read(process: process)) } catch {
      throw .system(error)
    }
  }

  /// What the trace says of the recording itself.
  private func describe() throws(RecordError) {
    var name = utsname()
    unsafe uname(&name)
    func text(_ field: some Any) -> String {
      unsafe withUnsafeBytes(of: field) { unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
    let executable = "/proc/\(process)/exe"
    var path = [CChar](repeating: 0, count: Int(PATH_MAX))
    let length = unsafe readlink(executable, &path, path.count - 1)
    let program =
      length > 0
      ? String(decoding: path[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self) : options.command[0]
    try lifting { () throws(TraceWriteError) in
      try writer.add(
        host: HostRecord(
          command: options.command, hostName: text(name.nodename),
          kernel: "\(text(name.sysname)) \(text(name.release)) \(text(name.version))",
          architecture: tracer.architecture.rawValue,
          processors: UInt64(max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))),
          apusVersion: options.version, options: options.description))
      try writer.add(processes: [
        ProcessRecord(
          key: Self.processKey, pid: UInt32(process), executable: program, start: clockStart.counter)
      ])
    }
  }
}
