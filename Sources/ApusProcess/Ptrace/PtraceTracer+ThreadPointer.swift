/// How `runUntilThreadPointerSet` ended.
package enum ThreadPointerOutcome: Sendable, Hashable {
  /// The thread is stopped, right after the system call that set its thread pointer.
  case set
  /// It has become another program, and is stopped at that exec.
  case executedAgain(isSupported: Bool)
  /// It made another task before it had a thread pointer; it is stopped there, and `next` tells of both.
  case startedTask
  /// It has ended.
  case ended(Termination)
}

extension PtraceTracer {
  /// From the exec stop to the moment when the thread pointer has been set. The dynamic loader of glibc does that after
  /// it has mapped all libraries that the program needs and before any of their code runs; musl's does before. Static
  /// programs do it early in their start-up code.
  package func runUntilThreadPointerSet(_ thread: ThreadID) throws(TraceError) -> ThreadPointerOutcome {
    while true {
      try resumeUntilSystemCall(thread)
      let status: Int32
      do throws(TraceError) { status = try awaitStop(thread) } catch .gone {
        return .ended(try drainEnd(thread))
      }
      let known = ready.count
      try accept(thread, status)
      guard let index = ready[known...].firstIndex(where: { $0.thread == thread }) else { continue }
      switch ready[index].kind {
      case .exited(let status):
        _ = take(at: index)
        return .ended(status)
      case .executed(_, let isSupported):
        ready.remove(at: index)
        return .executedAgain(isSupported: isSupported)
      case .created: return .startedTask
      case .systemCallExit:
        ready.remove(at: index)
        do throws(TraceError) {
          let registers = try registers(of: thread)
          if machine.hasSetThreadPointer(registers, threadPointer: try threadPointer(of: thread)) {
            return .set
          }
        } catch .gone {
          records[thread]?.state = .running
          return .ended(try drainEnd(thread))
        }
      default: ready.remove(at: index)
      }
    }
  }

  /// A thread that was killed under our hands: its end comes.
  private func drainEnd(_ thread: ThreadID) throws(TraceError) -> Termination {
    while let event = try next() {
      guard event.thread == thread else { continue }
      if case .exited(let status) = event.kind { return status }
      try resume(thread)
    }
    throw .gone(thread: thread)
  }
}
