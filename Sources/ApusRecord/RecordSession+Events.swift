internal import ApusCore
internal import ApusLiveText
internal import ApusProbe
internal import ApusProcess
internal import ApusSystem
internal import Glibc
internal import Logging

extension RecordSession {
  /// Follows the process to its end.
  func followEvents() throws(RecordError) {
    let waker = tracer.waker
    system.forward(signals, to: process) { [forwarded] number in
      forwarded.add(number)
      waker.wake()
    }
    while status == nil || !tracer.isEmpty {
      if let event = try nextEvent() {
        try handle(event)
      } else if status == nil, tracer.isEmpty {
        break
      }
      if let error = worker?.failure, failure == nil { stopRecording(.trace(error)) }
      try askForStoppedThread()
      try askForRings()
      askForSignals()
    }
    signals.stop()
  }

  /// Handles an event. What goes wrong with another process only concerns that one; what goes wrong with the program
  /// ends the recording, not the program, which is followed to its end.
  func handle(_ event: TraceEvent) throws(RecordError) {
    do throws(RecordError) { try react(to: event) } catch .process(.gone) {
      // Killed under our hands; its end is told by another event.
      logger.debug("thread \(event.thread) is gone")
    } catch .process(.memory(let error)) where error.reason == .gone {
      logger.debug("\(error)")
    } catch {
      if event.process == process {
        if failure == nil { stopRecording(error) }
        letGo { () throws(TraceError) in try tracer.resume(event.thread, signal: nil) }
      } else {
        note("a process that the program started could not be separated from the recording: \(error)")
        letGo { () throws(TraceError) in try tracer.detach(event.thread, signal: nil) }
      }
    }
  }

  /// Does what must be done after a failure; another failure changes nothing.
  private func letGo(_ body: () throws(TraceError) -> Void) {
    do throws(TraceError) { try body() } catch { logger.debug("\(error)") }
  }

  private func react(to event: TraceEvent) throws(RecordError) {
    let thread = event.thread
    switch event.kind {
    case .born(let parent, let birth):
      try welcome(thread, parent: parent, birth: birth, in: event.process)
    case .exited(let status):
      if thread == asked { asked = nil }
      if thread == process {
        self.status = status
        copies.isOver = true
      }
      if event.process == process { try end(thread: thread) }
    case .exiting:
      if thread == asked { asked = nil }
      if event.process == process { try end(thread: thread) }
      if thread == process { noteAddressLimit() }
      try resume(thread)
    case .executed(let former, _):
      if event.process == process {
        try leaveImage(former: former)
      } else if system.stopsItself {
        // A vfork child, which was followed as long as it was in the program's memory.
        return try detach(thread)
      }
      try resume(thread)
    case .signal(let info):
      if try meetTrap(thread, info, in: event.process) { return }
      if event.process == process, try foresee(info, of: thread) { return }
      if try recover(thread, info) {
        try resume(thread, signal: 0)
      } else {
        try settle(thread)
        try useStop(of: event)
        try resume(thread)
      }
    case .interrupted, .created(_, .clone), .created(_, .fork), .groupStop:
      try useStop(of: event)
      if event.kind == .interrupted {
        try useInterrupt(of: thread)
        let signal = event.process == process ? forwarded.take() : nil
        return try resume(thread, signal: signal)
      }
      try resume(thread)
    case .created(_, .vfork):
      try suspend(thread, true)
      try resume(thread)
    case .vforkDone:
      try suspend(thread, false)
      try resume(thread)
    case .systemCallEntry, .systemCallExit: try resume(thread)
    }
  }

  func resume(_ thread: ThreadID, signal: Int32? = nil) throws(RecordError) {
    try lifting { () throws(TraceError) in try tracer.resume(thread, signal: signal) }
  }

  /// Lets another process go. Where its stop has stopped all, the others go on.
  private func detach(_ thread: ThreadID) throws(RecordError) {
    try lifting { () throws(TraceError) in try tracer.detach(thread, signal: 0) }
    guard tracer.capabilities.isAllStop, let other = threads.keys.first(where: tracer.isStopped) else {
      return
    }
    try resume(other)
  }

  /// A new task, stopped before its first instruction.
  private func welcome(
    _ thread: ThreadID, parent: ThreadID, birth: TraceEvent.Birth, in owner: ProcessID
  ) throws(RecordError) {
    if owner == process {
      try begin(thread: thread)
      try resume(thread)
      return
    }
    // Another process: not recorded. If it has a copy of the memory, it must not write where its parent does.
    if isLive, birth != .vfork, let memory, let contexts, let gate {
      let child = try lifting { () throws(TraceError) in try tracer.memory(of: owner) }
      let mark = try lifting { () throws(ApusProcess.MemoryError) in try child.readWord(contexts.sessionMark)
      }
      if mark == 0 {
        let caller = RemoteCaller(tracer, thread: thread, gate: gate)
        let context = try threadPointer(of: thread, memory: child).flatMap { contexts.index(of: $0) }
        // What is not shared was copied.
        if !copiesRings {
          try lifting { () throws(LiveTextError) in
            try memory.sever(in: caller, context: context, memory: child)
          }
        }
      } else {
        try separate(thread, memory: child)
        // In the program's memory it may stop itself.
        if system.stopsItself { return try resume(thread) }
      }
    }
    note("processes that the program starts are not recorded")
    // In the program's memory it may stop itself.
    if birth == .vfork, system.stopsItself, !tracer.capabilities.isAllStop { return try resume(thread) }
    try detach(thread)
  }

  /// A task that shares the program's memory, but is not of its process, is not recorded. If it has the thread pointer of
  /// a recorded thread too, two would write where one may: that thread is not recorded any more either.
  private func separate(_ thread: ThreadID, memory: ProcessMemory) throws(RecordError) {
    note("a process that shares the program's memory is not recorded")
    guard let pointer = try threadPointer(of: thread, memory: memory) else { return }
    try giveUpShared(pointer, memory: memory)
  }

  /// A program that limits its own addresses may have got no memory, since what we reserve counts.
  private func noteAddressLimit() {
    guard isLive, let memory else { return }
    do throws(SystemError) {
      guard let limit = try system.addressLimit(of: process), limit < memory.reservedBytes else {
        return
      }
      note(
        "the program limits itself to \(limit >> 20) MiB of addresses (RLIMIT_AS), and the "
          + "\(memory.reservedBytes >> 20) MiB that apus reserves count: it may have got no memory; set the limit "
          + "before it starts (ulimit -v), and less is reserved")
    } catch { logger.debug("\(error)") }
  }

  /// The process has become another program: nothing of the session is left in it.
  private func leaveImage(former: ThreadID) throws(RecordError) {
    guard isLive else { return }
    isLive = false
    asked = nil
    // Children that were forked before still have the hooks: nobody is to wait for an answer any more.
    memory?.control?.answerLoader(.max)
    note("the program ran exec: what came after is not recorded")
    for thread in threads.keys.sorted() { try end(thread: thread) }
  }

  /// An access of ours to a stack that is gone: the thread continues where the program says.
  private func recover(_ thread: ThreadID, _ info: SignalInfo) throws(RecordError) -> Bool {
    guard isLive, info.code > 0, info.number == SIGSEGV || info.number == SIGBUS else { return false }
    var registers = try lifting { () throws(TraceError) in try tracer.registers(of: thread) }
    guard let recovery = faults[registers.programCounter] else { return false }
    registers.programCounter = recovery
    let changed = registers
    try lifting { () throws(TraceError) in try tracer.setRegisters(changed, of: thread) }
    return true
  }

  /// A signal is about to be delivered: what its handler must not see half done begins anew after it, or is done before it.
  func settle(_ thread: ThreadID) throws(RecordError) {
    guard isLive, threads[thread] != nil else { return }
    var registers = try lifting { () throws(TraceError) in try tracer.registers(of: thread) }
    let memory = try lifting { () throws(TraceError) in
      try tracer.memory(of: try tracer.process(of: thread))
    }
    for trampoline in trampolines {
      let isChanged = try lifting { () throws(ApusProcess.MemoryError) in
        try trampoline.settle(&registers, memory)
      }
      guard isChanged else { continue }
      let changed = registers
      return try lifting { () throws(TraceError) in try tracer.setRegisters(changed, of: thread) }
    }
  }

  /// If the loader waits for us, a stopped thread is needed: remote calls may have to be made.
  private func askForStoppedThread() throws(RecordError) {
    guard isLive, asked == nil, let control = memory?.control, control.loaderRequests > control.loaderAnswers
    else {
      return
    }
    for thread in threads.keys {
      do throws(TraceError) {
        try tracer.interrupt(thread)
        asked = thread
        return
      } catch { logger.debug("interrupting \(thread): \(error)") }
    }
  }

  private func useStop(of event: TraceEvent) throws(RecordError) {
    if event.thread == asked { asked = nil }
    guard isLive, event.process == process, let control = memory?.control,
      control.loaderRequests > control.loaderAnswers
    else {
      return
    }
    let request = control.loaderRequests
    try installNew(on: event.thread)
    control.answerLoader(request)
  }

  /// Looks at what has been loaded; a stopped thread makes what calls are needed.
  func installNew(on thread: ThreadID) throws(RecordError) {
    stoppedThread = thread
    defer { stoppedThread = nil }
    do throws(RecordError) {
      let found = try readModules()
      try install(found)
      noteUnwinding(found)
    } catch .process(.gone(let thread)) {
      throw .process(.gone(thread: thread))
    } catch {
      note("a library that was opened is not recorded: \(error)")
    }
  }

  /// Nothing more can be recorded: the program runs on as if nobody was there.
  func stopRecording(_ error: RecordError) {
    failure = error
    do throws(RecordError) {
      if let memory { try lifting { () throws(LiveTextError) in try memory.giveUp() } }
      guard tracer.capabilities.writesText else { return }
      let target = try lifting { () throws(TraceError) in try tracer.memory(of: process) }
      for slot in enabled.values.joined() {
        try lifting { () throws(ApusProcess.MemoryError) in
          try target.write(states.disabling, at: slot)
        }
      }
    } catch { logger.debug("while disabling sites: \(error)") }
  }
}
