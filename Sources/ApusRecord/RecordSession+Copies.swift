internal import ApusCore
internal import ApusLiveText
internal import ApusProbe
internal import ApusProcess
internal import ApusSystem
internal import ApusTraceFile
internal import Logging

/// What a recording over a connection without shared memory keeps in mind.
struct CopyState {
  /// Events that came while something else was waited for.
  var deferred: [ApusProcess.TraceEvent] = []
  /// When rings were last asked for, CLOCK_MONOTONIC.
  var asked: UInt64 = 0
  /// What has been counted: at the process's last stop, since its memory ends with it.
  var totals: Totals?
  /// The clocks at the last stop.
  var anchor: ApusTraceFile.ClockAnchor?
  /// Whether nothing can have been written since the last reading.
  var isRead = false
  /// Whether the only thread that there is was read when it was about to run exec.
  var isReadForExec = false
  /// The process has ended.
  var isOver = false
  /// Threads whose rings were not read to the end.
  var unread = 0
}

/// Threads that stop themselves (``ProbeTrap``), and rings that are read while their threads stand; Documentation/Decisions/0014.
extension RecordSession {
  /// Whether there is no view of the session's memory.
  var copiesRings: Bool { memory.map { $0.mapping.view == nil } ?? false }

  /// The next event, by the time that something else may have to be done.
  func nextEvent() throws(RecordError) -> ApusProcess.TraceEvent? {
    if !copies.deferred.isEmpty { return copies.deferred.removeFirst() }
    return try lifting { () throws(TraceError) in try tracer.next(timeoutMilliseconds: 1000) }
  }

  /// If the thread has stopped itself, what it stopped for is done, and it goes on.
  func meetTrap(
    _ thread: ThreadID, _ info: SignalInfo, in owner: ProcessID
  ) throws(RecordError) -> Bool {
    guard system.stopsItself, info.number == 5 else { return false }
    var registers = try lifting { () throws(TraceError) in try tracer.registers(of: thread) }
    let place = registers.programCounter
    guard let trap = trampolines.lazy.flatMap(\.traps).first(where: { $0.explains(stopAt: place) }) else {
      return false
    }
    registers.programCounter = trap.range.end
    let changed = registers
    try lifting { () throws(TraceError) in try tracer.setRegisters(changed, of: thread) }
    var endsAlone = false
    do throws(RecordError) {
      switch trap.reason {
      case .thread: if owner == process { try welcomeUntold(thread) }
      case .room: try makeRoom(for: thread)
      case .loader: if owner == process { try installNew(on: thread) }
      case .exec:
        if owner == process {
          try readEverything(on: thread)
          copies.isReadForExec = threads.count == 1
        }
      case .end:
        if owner == process {
          try readEverything(on: thread)
          endsAlone = true
        }
      }
    } catch .process(.gone(let gone)) where gone != thread {
      logger.debug("thread \(gone) is gone")
    } catch .process(.gone) {
      throw .process(.gone(thread: thread))
    } catch {
      if failure == nil { stopRecording(error) }
    }
    try goOn(thread, signal: 0, alone: endsAlone)
    return true
  }

  /// While a vfork child runs on a thread's context, no thread stops itself if a server would then wait for all to stop: the parent
  /// cannot. What the child calls is not recorded.
  func suspend(_ thread: ThreadID, _ isSuspended: Bool) throws(RecordError) {
    guard isLive, tracer.capabilities.isAllStop, let contexts, let owner = threads[thread] else { return }
    let target = try lifting { () throws(TraceError) in try tracer.memory(of: process) }
    try lifting { () throws(ApusProcess.MemoryError) in
      try contexts.setSession(owner.context, isSuspended ? 0 : 1, in: target)
    }
  }

  /// A thread of whose birth nothing was told, at its first call. Those that have ended meanwhile are noticed now; one that has taken
  /// the thread pointer of another that has ended goes on in its place, and does not come here.
  private func welcomeUntold(_ thread: ThreadID) throws(RecordError) {
    for other in threads.keys.sorted() where system.hasEnded(other, in: process) { try end(thread: other) }
    if threads[thread] == nil { try begin(thread: thread) }
  }

  /// Lets a thread run; `alone`: and no other, since the process ends with what it does.
  private func goOn(_ thread: ThreadID, signal: Int32?, alone: Bool) throws(RecordError) {
    guard alone else { return try resume(thread, signal: signal) }
    copies.isRead = failure == nil
    copies.deferred = []
    try lifting { () throws(TraceError) in try tracer.resumeAlone(thread, signal: signal) }
  }

  /// A signal that ends the process by default, if the program does not take it: everything is read before. Gives whether it was
  /// delivered.
  func foresee(_ info: SignalInfo, of thread: ThreadID) throws(RecordError) -> Bool {
    guard copiesRings, isLive, Self.deadly.contains(info.number), faults[try place(of: thread)] == nil else {
      return false
    }
    if system.handles(info.number, in: process) ?? true { return false }
    try readEverything(on: thread)
    if system.handles(info.number, in: process) ?? true { return false }
    try goOn(thread, signal: nil, alone: true)
    return true
  }

  private func place(of thread: ThreadID) throws(RecordError) -> Address {
    try lifting { () throws(TraceError) in try tracer.registers(of: thread) }.programCounter
  }

  /// All signals but those that are ignored or stop by default: signal(7).
  private static let deadly: Set<Int32> = Set(1...64).subtracting([17, 18, 19, 20, 21, 22, 23, 28])

  /// The thread's ring is emptied, and where all have been stopped, those that are more than a quarter full.
  private func makeRoom(for thread: ThreadID) throws(RecordError) {
    var recorded = threads[thread]
    if recorded == nil {
      // A vfork child has its parent's thread pointer, context and ring.
      let memory = try lifting { () throws(TraceError) in
        try tracer.memory(of: try tracer.process(of: thread))
      }
      let index = try threadPointer(of: thread, memory: memory).flatMap { contexts?.index(of: $0) }
      recorded = threads.values.first { $0.context == index }
    }
    guard let ring = recorded?.copied else { throw .process(.notStopped(thread: thread)) }
    try take(ring, of: thread)
    guard tracer.capabilities.isAllStop else { return }
    for (other, recorded) in threads {
      if let copied = recorded.copied, copied !== ring { try take(copied, of: other, isFullBy: 4) }
    }
  }

  /// Empties the ring of a thread that stands.
  private func take(_ ring: CopiedRing, of thread: ThreadID, isFullBy part: Int = 0) throws(RecordError) {
    // It must not be about to take back what is read now.
    if minimumTicks > 0, tracer.isStopped(thread) { try settle(thread) }
    let least = part == 0 ? 0 : UInt64(ring.buffer.size / part)
    let words = try lifting { () throws(LiveTextError) in try ring.take(unlessBelow: least) }
    hand(words, thread: ring.thread)
  }

  /// Gives words of a thread to the writer.
  func hand(_ words: [UInt64], thread: UInt32) {
    guard !words.isEmpty else { return }
    worker?.send(.words(words, thread: thread, counter: system.clock.bound()))
  }

  /// A thread is over: what is left is read, if it can be.
  func readLast(_ recorded: RecordedThread, of thread: ThreadID) throws(RecordError) {
    if copies.isRead || copies.isReadForExec && !isLive { return }
    guard isLive, !copies.isOver else {
      copies.unread += 1
      return
    }
    do throws(RecordError) {
      if let ring = recorded.copied { try take(ring, of: thread) }
      try takeCounts(context: recorded.context)
    } catch .liveText(.memory(let error)) where error.reason == .unmapped || error.reason == .gone {
      // The process is going as a whole.
      copies.unread += 1
    }
  }

  /// Stops all threads, and reads all that they have written and counted: what follows may be the process's end.
  private func readEverything(on thread: ThreadID) throws(RecordError) {
    guard copiesRings, isLive else { return }
    try stopAll(but: thread)
    for (other, recorded) in threads {
      if let ring = recorded.copied { try take(ring, of: other) }
      try takeCounts(context: recorded.context)
    }
    try readTotals()
    copies.anchor = system.anchor(on: thread)
  }

  /// Stops the recorded threads that run. What comes meanwhile is handled later.
  private func stopAll(but thread: ThreadID) throws(RecordError) {
    for other in threads.keys where other != thread && !tracer.isStopped(other) {
      do throws(TraceError) { try tracer.interrupt(other) } catch { logger.debug("interrupting: \(error)") }
    }
    let start = Clock.monotonic.now()
    while threads.keys.contains(where: { !tracer.isStopped($0) }) {
      let event = try lifting { () throws(TraceError) in try tracer.next(timeoutMilliseconds: 1000) }
      if let event {
        if event.process != process {
          // A vfork child, for example, for which one of the threads waits.
          try handle(event)
        } else if case .exited = event.kind, event.thread != process {
          try end(thread: event.thread)
        } else if case .born = event.kind, event.process == process {
          try begin(thread: event.thread)
          // It has been welcomed; what is left is to let it run.
          var rest = event
          rest.kind = .created(child: event.thread, .clone)
          copies.deferred.append(rest)
        } else {
          copies.deferred.append(event)
        }
      }
      if tracer.isEmpty || Clock.monotonic.now() &- start > 10_000_000_000 {
        throw .process(
          .busy(thread: thread, why: "ends, and not all of its process's threads could be stopped"))
      }
    }
  }

  /// A thread has stopped because it was asked to.
  func useInterrupt(of thread: ThreadID) throws(RecordError) {
    guard copiesRings, isLive else { return }
    for (other, recorded) in threads where other == thread || tracer.capabilities.isAllStop {
      if let ring = recorded.copied { try take(ring, of: other) }
    }
  }

  /// How long events may stand in a ring, ns: so long that their times are not mistaken, and where calls are dropped, that few are.
  private var interval: UInt64 { options.onFull == .drop ? 500_000_000 : 15_000_000_000 }

  /// Asks threads to stop whose rings have not been read for a while.
  func askForRings() throws(RecordError) {
    guard copiesRings, isLive, !copies.isRead, !copies.isOver, options.level != .count else { return }
    let now = Clock.monotonic.now()
    if copies.asked == 0 { copies.asked = now }
    guard now &- copies.asked > interval else { return }
    copies.asked = now
    for thread in threads.keys where !tracer.isStopped(thread) {
      do throws(TraceError) { try tracer.interrupt(thread) } catch { logger.debug("interrupting: \(error)") }
      if tracer.capabilities.isAllStop { break }
    }
  }

  /// Asks a thread to stop for each signal that was sent to us.
  func askForSignals() {
    guard !forwarded.isEmpty, let thread = threads.keys.min(), !tracer.isStopped(thread) else { return }
    do throws(TraceError) { try tracer.interrupt(thread) } catch {
      logger.debug("interrupting: \(error)")
      note("signals could not be passed on to the program: its server cannot interrupt it")
      while forwarded.take() != nil {}
    }
  }

  /// Says what could not be read.
  func noteUnread() {
    guard copies.unread > 0 else { return }
    note(
      "the program ended where it could not be stopped before: what \(copies.unread) threads had in their buffers since they were last read is not recorded, and not counted"
    )
  }
}
