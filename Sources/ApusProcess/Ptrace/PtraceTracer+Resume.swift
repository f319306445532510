internal import ApusSystem

extension PtraceTracer {
  /// A thread that has died meanwhile is left alone: its end is told by `next`.
  package func resume(_ thread: ThreadID, signal: Int32? = nil) throws(TraceError) {
    try run(thread, .resume, signal: signal)
  }

  /// Like `resume`, up to the next beginning or end of a system call.
  package func resumeUntilSystemCall(_ thread: ThreadID, signal: Int32? = nil) throws(TraceError) {
    try run(thread, .resumeToSystemCall, signal: signal)
  }

  func run(_ thread: ThreadID, _ how: PtraceRequest, signal: Int32? = nil) throws(TraceError) {
    var how = how
    var deliver: Int32 = 0
    let stop: ThreadRecord.Stop
    do throws(TraceError) { stop = try requireStopped(thread) } catch .gone { return }
    switch stop {
    case .signal(let number): deliver = signal ?? number
    case .group: how = .listen  // it stays stopped, as its user wants, and we hear of the end
    default: break
    }
    let result = request(how, thread, data: Int(deliver))
    records[thread]?.state = how == .listen ? .listening : .running
    do throws(TraceError) { try check("CONT", thread, result) } catch .gone { return }
  }

  /// Asks a thread to stop. A thread that has died meanwhile is left alone: its end is told by `next`. If the thread
  /// stops for another reason first, the `interrupted` event still comes, after that one is resumed.
  package func interrupt(_ thread: ThreadID) throws(TraceError) {
    guard records[thread] != nil else { throw .notStopped(thread: thread) }
    do throws(TraceError) { try check("INTERRUPT", thread, request(.interrupt, thread)) } catch .gone {
      return
    }
  }

  /// Lets a stopped thread go, with the signal that it stopped with unless another one (0: none) is given; a group stop
  /// goes on. A thread that has died meanwhile stays held until its end has been told.
  package func detach(_ thread: ThreadID, signal: Int32? = nil) throws(TraceError) {
    let stop: ThreadRecord.Stop
    do throws(TraceError) { stop = try requireStopped(thread) } catch .gone { return }
    var deliver: Int32 = 0
    if case .signal(let number) = stop { deliver = signal ?? number }
    do throws(TraceError) {
      try check("DETACH", thread, request(.detach, thread, data: Int(deliver)))
    } catch .gone {
      records[thread]?.state = .running
      return
    }
    let process = records.removeValue(forKey: thread)?.process
    if let process, !records.values.contains(where: { $0.process == process }) {
      memories[process] = nil
    }
  }
}
