internal import ApusCore
internal import ApusSystem
internal import Glibc

extension RemoteTracer {
  /// The next event. A new thread's `created` is not told (the server does not say who made it), only its `born`, with
  /// the process's first thread as its parent.
  package func next(timeoutMilliseconds: Int? = nil) throws(TraceError) -> TraceEvent? {
    let start = Clock.monotonic.now()
    do throws(RemoteError) {
      while true {
        while let data = server.connection.takeNotification() { try accept(notification: data) }
        if !ready.isEmpty { return take() }
        if isEmpty { return nil }
        var rest: Int?
        if let timeoutMilliseconds {
          let gone = Int(clamping: (Clock.monotonic.now() &- start) / 1_000_000)
          rest = max(0, timeoutMilliseconds - gone)
        }
        guard let incoming = try server.connection.receive(timeoutMilliseconds: rest, waker: waker) else {
          return nil
        }
        try accept(incoming)
      }
    } catch {
      // qemu closes the connection when its target is killed under its hands; nothing more is known of it.
      throw .remote(error)
    }
  }

  /// The next event that is to be told.
  private func take() -> TraceEvent {
    let event = ready.removeFirst()
    if case .exited = event.kind {
      ended = ended.filter { $0.key != event.thread && $0.value != event.thread }
    }
    return event
  }

  func accept(_ incoming: RemoteConnection.Incoming) throws(RemoteError) {
    switch incoming {
    case .packet(let data): try accept(try StopReply(data))
    case .notification(let data): try accept(notification: data)
    }
  }

  /// `Stop:` of non-stop mode: one stop is in it, others wait.
  func accept(notification: [UInt8]) throws(RemoteError) {
    guard notification.starts(with: "Stop:".utf8) else { return }  // others are to be passed over
    let first = stopData(notification)
    let others = try drainStops()
    try accept(try StopReply(first))
    for data in others { try accept(try StopReply(data)) }
  }

  private func tell(_ thread: ThreadID, _ kind: TraceEvent.Kind) {
    ready.append(TraceEvent(thread: thread, process: records[thread]?.process ?? thread, kind: kind))
  }

  func accept(_ reply: StopReply) throws(RemoteError) {
    switch reply {
    case .output(let text):
      output += text
    case .stopped(let stop):
      let thread = try stopped(stop)
      try interpret(thread, stop)
    case .exited(let process, let code):
      end(process, .exited(Int32(code)))
      try goOnAfterEnd()
    case .killed(let process, let signal):
      end(process, .signalled(RemoteSignal.toLinux(signal) ?? Int32(signal), dumpedCore: false))
      try goOnAfterEnd()
    case .threadExited(let thread, let code):
      tell(thread.thread, .exited(.exited(Int32(truncatingIfNeeded: code))))
      ended[thread.thread] = records.removeValue(forKey: thread.thread)?.process ?? thread.thread
      interrupting.removeAll { $0 == thread.thread }
      server.forgetSelection()
      try goOnAfterEnd()
    case .nothingRuns:
      throw .failed(request: "vCont", answer: "N: no thread is left that could run")
    }
  }

  /// In all-stop mode all have stopped for an end, and nobody will resume who is gone. (During a step all were stopped
  /// before, and stay so.)
  private func goOnAfterEnd() throws(RemoteError) {
    guard capabilities.isAllStop else { return }
    markAllStopped()
    if !records.isEmpty && !isStepping { try resumeAll() }
  }

  /// Brings the records up to date.
  func stopped(_ stop: StopReply.Stop) throws(RemoteError) -> ThreadID {
    server.isRunning = false
    if capabilities.isAllStop { markAllStopped() }
    server.forgetSelection()
    let id: RemoteThreadID
    if let told = stop.thread {
      id = told
    } else if records.count == 1, let only = records.values.first {
      id = only.id
    } else {
      throw .malformed(what: "stop reply", why: "it does not tell which of \(records.count) threads stopped")
    }
    if records[id.thread] == nil { add(id, isStopped: true) }
    records[id.thread]?.isStopped = true
    records[id.thread]?.registers = nil
    records[id.thread]?.signal = 0
    return id.thread
  }

  private func markAllStopped() {
    server.isRunning = false
    for thread in records.keys { records[thread]?.isStopped = true }
  }

  private func interpret(_ thread: ThreadID, _ stop: StopReply.Stop) throws(RemoteError) {
    let process = records[thread]?.process ?? thread
    switch stop.reason {
    case .created?:
      tell(thread, .born(parent: process, .clone))
    case .forked(let child)?, .vforked(let child)?:
      var birth = TraceEvent.Birth.fork
      if case .vforked? = stop.reason { birth = .vfork }
      add(child, isStopped: true)
      tell(thread, .created(child: child.thread, birth))
      tell(child.thread, .born(parent: thread, birth))
    case .vforkDone?: tell(thread, .vforkDone)
    case .executed?:
      for (other, record) in records where record.process == process && other != thread {
        records[other] = nil
      }
      memories[process] = nil
      tell(thread, .executed(former: thread, isSupported: true))
    case .systemCallEntry?: tell(thread, .systemCallEntry)
    case .systemCallReturn?: tell(thread, .systemCallExit)
    case .softwareBreakpoint?, .hardwareBreakpoint?, .watchpoint?, .librariesChanged?, nil:
      try interpretSignal(thread, stop.signal)
    }
  }

  private func interpretSignal(_ thread: ThreadID, _ signal: UInt8) throws(RemoteError) {
    if let wanted = interruptAnswered(by: thread, signal) {
      interrupting.removeAll { $0 == wanted }
      tell(wanted, .interrupted)
      return
    }
    guard signal != 0, let number = RemoteSignal.toLinux(signal) else {
      tell(thread, .interrupted)
      return
    }
    records[thread]?.signal = signal
    tell(thread, .signal(try signalInfo(thread, number)))
  }

  /// Who sent a signal is asked only of those that an access of ours may have led to. A server that does not tell (qemu) is taken
  /// to have meant the kernel.
  private func signalInfo(_ thread: ThreadID, _ number: Int32) throws(RemoteError) -> SignalInfo {
    guard number == SIGSEGV || number == SIGBUS else { return SignalInfo(number: number, code: 0, detail: 0) }
    guard server.features.has("qXfer:siginfo:read"), let id = records[thread]?.id else {
      return SignalInfo(number: number, code: 1, detail: 0)
    }
    try server.select(id)
    var reader = ByteReader(try server.transfer("siginfo", ""))
    do throws(ByteError) {
      // siginfo_t: si_signo, si_errno, si_code, padding, and the union.
      _ = try reader.readUInt64()
      let code = Int32(bitPattern: UInt32(truncatingIfNeeded: try reader.readUInt64()))
      return SignalInfo(number: number, code: code, detail: try reader.readUInt64())
    } catch { throw .malformed(what: "siginfo", why: "\(error)") }
  }

  /// Whether a stop is what an interrupt of ours led to, and of which thread. A SIGINT or SIGTRAP of somebody else's, in
  /// the same moment, cannot be told from it.
  private func interruptAnswered(by thread: ThreadID, _ signal: UInt8) -> ThreadID? {
    let sent: UInt8 =
      switch capabilities.interrupt {
      case .perThread, .none: 0
      case .breakCharacter: 2
      case .signal: 5
      }
    guard signal == sent else { return nil }
    if interrupting.contains(thread) { return thread }
    // All have stopped; so has the one that was meant.
    return capabilities.isAllStop ? interrupting.first : nil
  }

  private func end(_ process: ProcessID?, _ termination: Termination) {
    server.isRunning = false
    server.forgetSelection()
    let process = process ?? records.values.first?.process ?? 0
    ready.append(TraceEvent(thread: process, process: process, kind: .exited(termination)))
    for (thread, record) in records where record.process == process {
      records[thread] = nil
      ended[thread] = process
    }
    interrupting.removeAll { records[$0] == nil }
    memories[process] = nil
  }
}
