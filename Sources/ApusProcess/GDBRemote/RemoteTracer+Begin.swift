internal import ApusCore
internal import ApusSystem

extension RemoteTracer {
  /// Starts a program at a server that has none yet (gdbserver --multi); it is stopped at its first instruction.
  ///
  /// - Returns: its process.
  @discardableResult
  package func launch(_ request: LaunchRequest) throws(TraceError) -> ProcessID {
    do throws(RemoteError) {
      for variable in request.environment ?? [] {
        try server.command("QEnvironmentHexEncoded:" + text(HexText.encode(Array(variable.utf8))))
      }
      let words = request.command.map { ";" + text(HexText.encode(Array($0.utf8))) }.joined()
      return try start("vRun" + words)
    } catch { throw .remote(error) }
  }

  /// Takes hold of a process of the server's machine (gdbserver --multi); it is stopped.
  @discardableResult
  package func attach(_ process: ProcessID) throws(TraceError) -> ProcessID {
    do throws(RemoteError) {
      return try start("vAttach;" + String(process, radix: 16))
    } catch { throw .remote(error) }
  }

  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  private func start(_ request: String) throws(RemoteError) -> ProcessID {
    let known = Set(processes)
    var answer = try server.ask(request)
    if answer == RemoteServer.ok {
      // Non-stop: the stop comes by itself.
      answer = try stopNotification(request)
      _ = try drainStops()
    }
    guard answer.first == UInt8(ascii: "T") || answer.first == UInt8(ascii: "S") else {
      throw RemoteServer.refusal(request, answer)
    }
    try begin(answer)
    guard let process = processes.first(where: { !known.contains($0) }) else {
      throw .malformed(what: "stop reply", why: "it tells of no new process")
    }
    return process
  }

  private func stopNotification(_ request: String) throws(RemoteError) -> [UInt8] {
    let start = Clock.monotonic.now()
    while true {
      if let data = server.connection.takeNotification() { return stopData(data) }
      let gone = Int(clamping: (Clock.monotonic.now() &- start) / 1_000_000)
      let incoming = try server.connection.receive(
        timeoutMilliseconds: max(0, options.timeoutMilliseconds - gone), waker: nil)
      guard case .notification(let data)? = incoming else {
        throw .silent(request: request, milliseconds: options.timeoutMilliseconds)
      }
      return stopData(data)
    }
  }

  /// What follows `Stop:` in a notification.
  func stopData(_ notification: [UInt8]) -> [UInt8] {
    notification.starts(with: "Stop:".utf8) ? Array(notification.dropFirst(5)) : []
  }

  /// In non-stop mode: the stops that wait at the server.
  func drainStops() throws(RemoteError) -> [[UInt8]] {
    var stops: [[UInt8]] = []
    while true {
      let answer = try server.connection.exchange("vStopped")
      if answer == RemoteServer.ok { return stops }
      stops.append(answer)
      if stops.count > 1 << 20 { throw .malformed(what: "list of stops", why: "it does not end") }
    }
  }

  /// The first stop: the target is there. What it is and what can be done with it is found out.
  func begin(_ answer: [UInt8]) throws(RemoteError) {
    if server.isNonStop, records.isEmpty { _ = try drainStops() }
    var first: RemoteThreadID?
    if case .stopped(let stop) = try StopReply(answer) { first = stop.thread }
    // gdbserver 13 knows a target's registers only when a thread is selected, and aborts otherwise.
    if let first { try server.select(first) }
    let target = try TargetDescription { [server] (name: String) throws(RemoteError) in
      try server.transfer("features", name)
    }
    guard let architecture = target.architecture else {
      throw .unsupported(
        request: "tracing of \(target.architectureName ?? "an unnamed architecture")",
        need: "Apus knows x86_64, aarch64 and ppc64le")
    }
    description = target
    machine = RemoteMachines.machine(of: architecture)
    for name in [
      machine.layout.names[machine.layout.programCounter], machine.layout.names[machine.layout.stackPointer],
    ]
    where register(name) == nil {
      throw .malformed(what: "target description", why: "it has no register \(name)")
    }
    capabilities.tellsThreads =
      server.features.has("QThreadEvents") && (server.isNonStop || options.tellsThreadsInAllStop)
    if capabilities.tellsThreads { try server.command("QThreadEvents:1") }
    for thread in try server.threads() where records[thread.thread] == nil {
      add(thread, isStopped: true)
    }
    guard let thread = first.flatMap({ records[$0.thread]?.id }) ?? records.values.first?.id else {
      throw .malformed(what: "list of threads", why: "it is empty")
    }
    try server.probe()
    try findCapabilities(thread)
  }

  func add(_ thread: RemoteThreadID, isStopped: Bool) {
    records[thread.thread] = RemoteThreadRecord(
      id: thread, process: thread.process ?? records.values.first?.process ?? thread.thread,
      isStopped: isStopped)
  }

  private func findCapabilities(_ thread: RemoteThreadID) throws(RemoteError) {
    try server.select(thread)
    capabilities.isNonStop = server.isNonStop
    // Who offers to do otherwise stops all threads at an event. qemu-user, which does not, stops one.
    capabilities.isAllStop = !server.isNonStop && server.features.has("QNonStop")
    capabilities.interrupt =
      if server.isNonStop {
        server.actions.contains("t") ? .perThread : .none
      } else if let process = options.stubProcess ?? server.connection.peerProcess, !capabilities.isAllStop {
        .signal(process)
      } else {
        capabilities.isAllStop ? .breakCharacter : .none
      }
    let single = try server.ask("p0")
    capabilities.readsSingleRegisters = HexText.decodeRegisters(single).map { !$0.isEmpty } ?? false
    let files = try server.ask("vFile:setfs:0")
    capabilities.readsFiles = files.starts(with: "F0".utf8)
    capabilities.writesText = try probeText(thread)
  }

  /// Whether text can be written: a byte of it is, with what it is already.
  private func probeText(_ thread: RemoteThreadID) throws(RemoteError) -> Bool {
    do throws(TraceError) {
      let counter = try registers(of: thread.thread).programCounter
      let memory = try memory(of: try process(of: thread.thread))
      do throws(MemoryError) {
        try memory.write(try memory.read(counter, count: 1), at: counter)
        return true
      } catch {
        if case .remote(let error) = error.reason { throw TraceError.remote(error) }
        return false
      }
    } catch {
      if case .remote(let error) = error { throw error }
      throw .malformed(what: "thread", why: error.description)
    }
  }
}
