internal import ApusSystem
internal import CApusLinux
internal import Glibc

extension PtraceTracer {
  package func next(timeoutMilliseconds: Int? = nil) throws(TraceError) -> TraceEvent? {
    let start = Clock.monotonic.now()
    while true {
      if !ready.isEmpty { return take(at: ready.startIndex) }
      // Before asking the kernel: a SIGCHLD that comes after its answer is then still in the descriptor.
      _ = childEvents.take()
      // All that there is: the kernel looks through its list from the same end each time, so a thread that stops often
      // would hide the others for ever.
      while let (thread, status) = try collect() { try accept(thread, status) }
      if !ready.isEmpty { continue }
      if isEmpty { return nil }
      var rest: Int?
      if let timeoutMilliseconds {
        let gone = Int(clamping: (Clock.monotonic.now() &- start) / 1_000_000)
        rest = max(0, timeoutMilliseconds - gone)
      }
      let woken = try wait([childEvents.rawValue, waker.event.rawValue], timeoutMilliseconds: rest)
      if woken[1], waker.event.take() > 0 { return nil }
      if rest == 0, !woken[0] { return nil }
    }
  }

  /// Takes an event out, to tell it. A thread's record stays until its end is told: whoever has not heard of that may
  /// still want to resume it.
  func take(at index: Int) -> TraceEvent {
    let event = ready.remove(at: index)
    guard case .exited = event.kind, records[event.thread]?.state == .ended else { return event }
    let process = records.removeValue(forKey: event.thread)?.process ?? event.process
    if !records.values.contains(where: { $0.process == process }) { memories[process] = nil }
    return event
  }

  private func wait(
    _ descriptors: [Int32], timeoutMilliseconds: Int?
  ) throws(TraceError) -> [Bool] {
    do throws(SystemError) {
      return try Poll.readable(descriptors, timeoutMilliseconds: timeoutMilliseconds)
    } catch { throw .system(error) }
  }

  /// Options of wait: of all tasks (`__WALL`) that this thread itself traces (`__WNOTHREAD`).
  private static let ownTasks: Int32 = 0x4000_0000 | 0x2000_0000

  /// The next stop or end of a task, of one or (-1) of any that this thread has; nil when there is none now.
  func collect(_ thread: ThreadID = -1) throws(TraceError) -> (ThreadID, Int32)? {
    var status: Int32 = 0
    let result = unsafe withUnsafeMutableBytes(of: &status) {
      Kernel.raw(
        APUS_SYS_wait4, Int(thread), Int(bitPattern: $0.baseAddress), Int(WNOHANG | Self.ownTasks), 0)
    }
    if result > 0 { return (ThreadID(truncatingIfNeeded: result), status) }
    if result == 0 || result == -Int(ECHILD) { return nil }
    throw .system(SystemError(call: "wait4", errno: Errno(rawValue: Int32(clamping: -result))))
  }

  /// Waits for one thread's next stop or end; what happens to others is kept for `next`.
  ///
  /// - Returns: the raw wait status.
  /// - Throws: `gone` when the thread has ended without telling us: a process's first thread does, when all are killed.
  func awaitStop(_ thread: ThreadID) throws(TraceError) -> Int32 {
    var patience = 1
    while true {
      _ = childEvents.take()
      if let (_, status) = try collect(thread) { return status }
      if let (other, status) = try collect() {
        if other == thread { return status }
        try accept(other, status)
        continue
      }
      // Its end is no event if others of its process still stand at theirs. So look for it now and then: that is
      // for this case only, everything else is told by the descriptor.
      // (The signal that makes the descriptor readable may also interrupt the wait for it.)
      if try wait([childEvents.rawValue], timeoutMilliseconds: patience) == [true] { continue }
      if try wait([childEvents.rawValue], timeoutMilliseconds: 0) == [true] { continue }
      if try hasEnded(thread) { throw .gone(thread: thread) }
      patience = 200
    }
  }

  private func hasEnded(_ thread: ThreadID) throws(TraceError) -> Bool {
    do throws(SystemError) {
      let state = try ProcessStatus.read(process: thread).state
      return state == "Z" || state == "X"
    } catch {
      if error.errno == .noSuchFile || error.errno == .noSuchProcess { return true }
      throw .system(error)
    }
  }

  /// Takes a wait status in: brings the records up to date, and makes events of it.
  func accept(_ thread: ThreadID, _ status: Int32) throws(TraceError) {
    do throws(TraceError) {
      try interpret(thread, WaitStatus(status))
      release(after: thread)
    } catch .gone {
      // Killed while we looked at it: the next status says so.
      records[thread]?.state = .running
    }
  }

  private func tell(_ thread: ThreadID, _ kind: TraceEvent.Kind) {
    ready.append(TraceEvent(thread: thread, process: records[thread]?.process ?? thread, kind: kind))
  }

  private func stopped(_ thread: ThreadID, _ stop: ThreadRecord.Stop) {
    records[thread]?.state = .stopped(stop)
  }

  private func interpret(_ thread: ThreadID, _ status: WaitStatus) throws(TraceError) {
    if records[thread] == nil || records[thread]?.state == .ended {  // or the number has come round
      switch status {
      case .eventStop, .groupStop: return newborn(thread)
      default: adopt(thread)
      }
    }
    switch status {
    case .eventStop:
      stopped(thread, .event)
      tell(thread, .interrupted)
    case .groupStop(let signal):
      stopped(thread, .group(signal))
      tell(thread, .groupStop(signal: signal))
    case .signal(let number):
      stopped(thread, .signal(number))
      tell(thread, .signal(try signalInfo(of: thread, number: number)))
    case .systemCall:
      let isEntry = try isSystemCallEntry(thread)
      stopped(thread, isEntry ? .systemCallEntry : .systemCallExit)
      tell(thread, isEntry ? .systemCallEntry : .systemCallExit)
    case .created(let birth):
      stopped(thread, .created(birth))
      let child = ThreadID(truncatingIfNeeded: try eventMessage(of: thread))
      tell(thread, .created(child: child, birth))
      try announce(child, parent: thread, birth)
    case .executed:
      try executed(thread)
    case .vforkDone:
      stopped(thread, .vforkDone)
      tell(thread, .vforkDone)
    case .exiting:
      stopped(thread, .exiting)
      let code = Int32(truncatingIfNeeded: try eventMessage(of: thread))
      tell(thread, .exiting(Termination(waitStatus: code)))
    case .ended(let status):
      tell(thread, .exited(status))
      records[thread]?.state = .ended
      _ = births.take(thread)
    }
  }

  /// A task that we have not heard of stops for the first time: it is told of after its parent's event.
  private func newborn(_ thread: ThreadID) {
    let running = records.lazy.filter { $0.value.state == .running }.map(\.key)
    if let known = births.stopped(thread, running: running) { born(thread, known) }
  }

  private func announce(
    _ child: ThreadID, parent: ThreadID, _ birth: TraceEvent.Birth
  ) throws(TraceError) {
    let isThere = try exists(child)
    // Adopted before; unless that one has ended, and the number has come round.
    if let record = records[child], record.state != .ended || !isThere { return }
    let known = Births.Announcement(
      parent: parent,
      process: processOf(child) ?? (birth == .clone ? records[parent]?.process ?? parent : child),
      birth: birth)
    if births.told(child, known, exists: isThere) { born(child, known) }
  }

  /// Whether we have a task of that number: it has not ended, or its end has not been collected. (What /proc says may depend on
  /// how it is mounted, and on what the task has forbidden.)
  private func exists(_ task: ThreadID) throws(TraceError) -> Bool {
    let options = WNOHANG | WNOWAIT | WEXITED | WSTOPPED | Self.ownTasks
    let result = Kernel.raw(APUS_SYS_waitid, Int(P_PID.rawValue), Int(task), 0, Int(options), 0)
    if result >= 0 { return true }
    if result == -Int(ECHILD) { return false }
    throw .system(SystemError(call: "waitid", errno: Errno(rawValue: Int32(clamping: -result))))
  }

  private func born(_ thread: ThreadID, _ known: Births.Announcement) {
    records[thread] = ThreadRecord(process: known.process, state: .stopped(.event))
    tell(thread, .born(parent: known.parent, known.birth))
  }

  /// Tells of what nobody is left to tell of, now that a thread has been heard of.
  private func release(after thread: ThreadID) {
    for child in births.heard(of: thread) {
      let status: ProcessStatus?
      do throws(SystemError) { status = try ProcessStatus.read(process: child) } catch { status = nil }
      born(child, Births.Announcement(released: child, by: thread, status: status))
    }
  }

  /// A task of which something other than its first stop is heard first: it was killed before that, or its parent was
  /// before it could tell.
  private func adopt(_ thread: ThreadID) {
    let process = births.take(thread)?.process ?? processOf(thread) ?? thread
    records[thread] = ThreadRecord(process: process, state: .running)
  }

  private func processOf(_ thread: ThreadID) -> ProcessID? {
    do throws(SystemError) { return try ProcessStatus.read(process: thread).process } catch { return nil }
  }

  private func executed(_ thread: ThreadID) throws(TraceError) {
    let former = ThreadID(truncatingIfNeeded: try eventMessage(of: thread))
    for (other, record) in records where record.process == thread && other != thread && record.state != .ended
    {
      records[other] = nil
      ready.removeAll { $0.thread == other }
      release(after: other)
    }
    records[thread] = ThreadRecord(process: thread, state: .stopped(.executed))
    memories[thread] = nil
    var isSupported = true
    do throws(TraceError) { _ = try registers(of: thread) } catch .unsupportedMachine { isSupported = false }
    tell(thread, .executed(former: former, isSupported: isSupported))
  }
}
