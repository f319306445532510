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
    (process, mainThread) = try system.launch(options.command)
    do throws(RecordError) { try setUp() } catch {
      // It has not run a line of its own yet; nobody has seen it.
      do throws(TraceError) { try system.abandon(process) } catch {
        logger.debug("while ending the process: \(error)")
      }
      throw error
    }
  }

  private func setUp() throws(RecordError) {
    try system.runToStart(process)
    if options.sharesStubs, !tracer.architecture.hasSharedStubs {
      throw .process(
        .refused(
          process: process,
          why: "functions share no trampolines on \(tracer.architecture): leave out --shared-stubs"))
    }
    let found = try readModules()
    try requireSites(found)
    try requireUnwinding(found)
    try makeMemory(found)
    isLive = true
    try describe(found)
    let worker = DrainWorker(writer: writer, control: try sessionMemory().control, waker: tracer.waker)
    self.worker = worker
    try begin(thread: mainThread)
    try install(found)
    // Again: now it is known whether the hooks could be set.
    try requireUnwinding(found)
    do throws(SystemError) { _ = try SystemThread { worker.run() } } catch { throw .process(.system(error)) }
    // Up to here whatever goes wrong leaves an older trace of that name as it is.
    if recordsAnything { try lifting { () throws(TraceWriteError) in try writer.replace() } }
    worker.begin()
    if let warning = system.warning { logger.info("\(warning)") }
    try lifting { () throws(TraceError) in try tracer.resume(mainThread, signal: 0) }
  }

  func sessionMemory() throws(RecordError) -> SessionMemory {
    guard let memory else { throw .process(.gone(thread: process)) }
    return memory
  }

  /// Chooses sizes by what is to be recorded, and maps everything.
  private func makeMemory(_ found: [FoundModule]) throws(RecordError) {
    let process = process
    let page = Int(system.pageSize)
    guard ThreadContext.count * ThreadContext.stride % page == 0, Int(SharedControl.size) % page == 0 else {
      throw .process(
        .unsupportedMachine(
          process: process, why: "this kernel's pages have \(page) bytes, and at most 65536 are supported"))
    }
    let siteCount = found.reduce(0) { $0 + $1.sites.sites.count }
    // Libraries that are opened later bring functions too.
    var capacity = 1 << 14
    while capacity < 4 * siteCount { capacity <<= 1 }
    let layout = SharedLayout(
      functionCapacity: capacity, counterArrays: options.level == .count ? ThreadContext.count : 0,
      bufferSize: options.bufferSize)
    try system.withGate(process) { (gate) throws(RecordError) in
      let caller = RemoteCaller(tracer, thread: mainThread, gate: gate)
      let gap = try gaps()
      let memory = try lifting { () throws(LiveTextError) in
        try SessionMemory(
          layout: layout, in: caller, sharing: system.sharing(with: process), gap: gap,
          chunkBits: system.chunkBits)
      }
      self.memory = memory
      beginSymbols(memory)
      let table = ContextTable(memory)
      contexts = table
      let target = try lifting { () throws(TraceError) in try tracer.memory(of: process) }
      try lifting { () throws(ApusProcess.MemoryError) in try table.mark(in: target) }
      buffers = BufferPool(layout)
      counts = [UInt64](repeating: 0, count: options.level == .count ? capacity : 0)
      try lifting { () throws(LiveTextError) in
        try memory.setPatience(10 * system.clock.frequency)
        try memory.own()
      }
      let withSites = found.filter { !$0.sites.sites.isEmpty }
      try makeFirstArena(withSites.isEmpty ? found : withSites, caller: caller)
    }
  }

  /// The free addresses of the process.
  func gaps() throws(RecordError) -> AddressSpaceGap {
    AddressSpaceGap(try system.mappings(of: process, on: stoppedThread ?? mainThread))
  }

  /// What the trace says of the recording itself.
  private func describe(_ found: [FoundModule]) throws(RecordError) {
    var name = utsname()
    unsafe uname(&name)
    func text(_ field: some Any) -> String {
      unsafe withUnsafeBytes(of: field) { unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
    let program = system.program(of: process) ?? options.command.first ?? found.first?.image.path ?? ""
    let command = options.command.isEmpty ? [program] : options.command
    try lifting { () throws(TraceWriteError) in
      try writer.add(
        host: HostRecord(
          command: command, hostName: text(name.nodename),
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
