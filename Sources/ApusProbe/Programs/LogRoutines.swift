extension Routine {
  /// Appends an event; if the buffer seems full, when there is room. ``Routine/logRegisters`` does the same for the several events of a
  /// call with its register file, which stand side by side.
  static func logProgram(_ environment: ProbeEnvironment, _ routine: Routine = .log) -> ProbeProgram {
    let registers = routine == .log ? nil : environment.registers
    var b = ProgramBuilder()
    let lost = b.label()
    let full = b.label()
    b.move(.v4, .v0)
    if registers != nil { b.move(.v5, .v2) }
    b.load(.v0, .v1, ThreadContext.session)
    b.branch(.v0, .equal, .immediate(0), lost)
    let retry = b.here()
    b.stampedWord(.v2, low: .v4, environment, scratch: .v0)
    let begin = b.here()
    b.stageCall(registers, full: full)
    b.publish()
    b.endRestartable(begin)
    b.constant(.v0, 1)
    b.emit(.returnFromRoutine)
    b.place(full)
    b.constant(.v0, UInt64(environment.callBytes(registers)))
    b.call(.room)
    b.branch(.v0, .notEqual, .immediate(0), retry)
    b.place(lost)
    b.constant(.v0, 0)
    b.emit(.returnFromRoutine)
    return b.program(routine.rawValue, .routine)
  }

  /// Does what must be done when the buffer seems full:
  /// 1. The reader's word says what it has consumed (acquire: its reads of the places were before).
  /// 2. At the buffer's end the position goes back to its start. (The reader has left that: a limit at the end says so.)
  /// 3. With room, the limit is raised: to the end, or to one place below what is not consumed, so that a full
  ///    buffer is never taken for an empty one. Returns that were lost meanwhile are logged as a gap, and after
  ///    that, or when it was lost itself, the stack chunk, before anything else; no limit is above the position until then. Each is
  ///    logged and owed no more in one: a handler finds it owed or logged.
  /// 4. Where there is room, but not in one piece, the buffer's end is filled up first (``ProgramBuilder/fillUp(_:lost:again:)``).
  /// 5. Without room, the policy decides: the event is lost, or the writer waits: until there is room, or the reader's
  ///    owner word says that it has died or ended, or patience is over; then nobody waits any more. Where the reader can only
  ///    read while the writer stands, the writer stops itself instead, as long as there is a reader, and finds room behind that.
  ///
  /// Who is told that there is room looks again: a handler may have used it up.
  static func roomProgram(_ environment: ProbeEnvironment) -> ProbeProgram {
    var b = ProgramBuilder()
    let lost = b.label()
    let noRoom = b.label()
    let room = b.label()
    let ahead = b.label()
    let behind = b.label()
    let raise = b.label()
    let pay = b.label()
    let tooNear = b.label()
    // v4 = bytes, v5 = when the wait began, or 0, v7 = what v2 is to be again
    b.move(.v4, .v0)
    b.move(.v7, .v2)
    b.constant(.v5, 0)
    let full = b.here()
    // A forked child has no buffer, and must not touch its parent's.
    b.load(.v6, .v1, ThreadContext.capacity)
    b.branch(.v6, .equal, .immediate(0), lost)
    b.seal(environment)
    // Restartable, like what follows: a handler may go round the buffer too. The limit that held at the end holds no more.
    let turn = b.here()
    b.load(.v0, .v1, ThreadContext.position)
    b.branch(.v0, .notEqual, .at(.v1, ThreadContext.bufferEnd), room)
    b.load(.v2, .v1, ThreadContext.bufferBase)
    b.storeConstant(.v1, ThreadContext.limit, 0)
    b.emit(.storeRelease(ProbeAddress(.v1, ThreadContext.position), .v2))
    b.endRestartable(turn)
    b.place(room)
    // Restartable: a handler may go round the buffer, and the limit that was right is none any more. v0 = bytes that must be free,
    // of which 8 are never used, v2 = the position, v3 = what is consumed, v6 = free bytes.
    let measure = b.here()
    b.load(.v6, .v1, ThreadContext.capacity)
    b.branch(.v6, .equal, .immediate(0), lost)
    b.move(.v0, .v4)
    b.add(.v0, .immediate(8))
    b.emit(.loadAcquire(.v3, ProbeAddress(.v1, ThreadContext.consumed)))
    b.load(.v2, .v1, ThreadContext.position)
    b.branch(.v2, .below, .v3, ahead)
    b.add(.v6, .v3)
    b.subtract(.v6, .v2)
    b.branch(.v6, .below, .v0, noRoom)
    b.load(.v6, .v1, ThreadContext.bufferEnd)
    b.subtract(.v6, .v2)
    b.load(.v2, .v1, ThreadContext.bufferEnd)
    // (All that is free is in one piece then.)
    b.branch(.v3, .equal, .at(.v1, ThreadContext.bufferBase), behind)
    b.branch(.v6, .below, .v4, tooNear)
    b.jump(raise)
    b.place(behind)
    b.subtract(.v2, .immediate(8))
    b.jump(raise)
    b.place(ahead)
    b.move(.v6, .v3)
    b.subtract(.v6, .v2)
    b.branch(.v6, .below, .v0, noRoom)
    b.move(.v2, .v3)
    b.subtract(.v2, .immediate(8))
    b.place(raise)
    b.load(.v3, .v1, ThreadContext.pendingReturns)
    b.branch(.v3, .notEqual, .immediate(0), pay)
    b.load(.v3, .v1, ThreadContext.stackOwed)
    b.branch(.v3, .notEqual, .immediate(0), pay)
    b.store(.v1, ThreadContext.limit, .v2)
    b.endRestartable(measure)
    b.move(.v2, .v7)
    b.constant(.v0, 1)
    b.emit(.returnFromRoutine)

    b.place(pay)
    b.payOwed(environment, full: full)
    b.jump(full)

    b.place(tooNear)
    b.fillUp(.v4, lost: lost, again: full)
    b.place(noRoom)
    if environment.waitsForRoom { waitForRoom(&b, environment, retry: full, lost: lost) }
    b.place(lost)
    b.move(.v2, .v7)
    b.constant(.v0, 0)
    b.emit(.returnFromRoutine)
    return b.program("room", .routine)
  }

  /// A writer waits for room: by looking again, or by a stop behind which there is some. v5 = when it began to wait, or 0.
  private static func waitForRoom(
    _ b: inout ProgramBuilder, _ environment: ProbeEnvironment, retry: ProbeLabel, lost: ProbeLabel
  ) {
    b.constant(.v3, environment.control)
    b.load(.v0, .v3, SharedControl.gaveUp)
    b.branch(.v0, .notEqual, .immediate(0), lost)
    b.emit(.load(.v0, ProbeAddress(.v3, SharedControl.owner), .four))
    b.branch(.v0, .equal, .immediate(0), lost)
    b.and(.v0, .immediate(SharedControl.ownerDied))
    b.branch(.v0, .notEqual, .immediate(0), lost)
    if environment.trapsForRoom {
      b.count(.waits, environment, scratch: .v0)
      // Restartable: a handler may fork, and its child, which comes back here, has no tracer.
      let check = b.here()
      b.load(.v0, .v1, ThreadContext.session)
      b.branch(.v0, .equal, .immediate(0), lost)
      b.emit(.trap(.room))
      b.endRestartable(check)
      b.jump(retry)
      return
    }
    let waiting = b.label()
    let patient = b.label()
    b.emit(.timestamp(.v2, scratch: .v0))
    b.branch(.v5, .notEqual, .immediate(0), waiting)
    b.move(.v5, .v2)
    b.count(.waits, environment, scratch: .v0)
    b.place(waiting)
    b.subtract(.v2, .v5)
    b.branch(.v2, .below, .at(.v3, SharedControl.patience), patient)
    b.storeConstant(.v3, SharedControl.gaveUp, 1)
    b.count(.gaveUp, environment, scratch: .v0)
    b.jump(lost)
    b.place(patient)
    b.emit(.pause)
    b.jump(retry)
  }

  /// The chunk is looked up with the event, restartable: it is that of the window that the next events belong to, whatever handlers
  /// have done meanwhile. Without room it is owed, and comes before the next event: that finds no room either (no short call is taken back
  /// behind what is sealed), or a handler has found some, and changed the window, and back, and with it logged or owed the chunk.
  static func logStackProgram(_ environment: ProbeEnvironment) -> ProbeProgram {
    var b = ProgramBuilder()
    let full = b.label()
    let begin = b.here()
    b.stackEvent(.v3, environment, scratch: .v0)
    b.stampedWord(.v2, low: .register(.v3), environment, scratch: .v0)
    b.append(from: begin, full: full)
    b.seal(environment)
    b.emit(.returnFromRoutine)
    b.place(full)
    b.seal(environment)
    b.storeConstant(.v1, ThreadContext.stackOwed, 1)
    b.emit(.returnFromRoutine)
    return b.program("logStack", .routine)
  }

  static func logEntryProgram(
    _ environment: ProbeEnvironment, _ routine: Routine = .logEntry
  ) -> ProbeProgram {
    let log = routine == .logEntry ? Routine.log : .logRegisters
    var b = ProgramBuilder()
    let missing = b.label()
    let lost = b.label()
    let done = b.label()
    b.move(.v4, .v0)
    if log == .logRegisters { b.move(.v5, .v2) }
    b.call(.findContext)
    b.branch(.v1, .equal, .immediate(0), missing)
    b.load(.v0, .v1, ThreadContext.session)
    b.branch(.v0, .equal, .immediate(0), done)
    b.move(.v0, .v4)
    b.shiftLeft(.v0, UInt8(EventWord.functionShift))
    b.or(.v0, .immediate(Int32(EventWord.Kind.entry.rawValue)))
    if log == .logRegisters { b.move(.v2, .v5) }
    b.call(log)
    b.branch(.v0, .notEqual, .immediate(0), done)
    b.jump(lost)
    b.place(missing)
    b.count(.noContext, environment, scratch: .v0)
    b.place(lost)
    b.countLost(function: .v4, environment, scratch: .v0)
    b.place(done)
    b.emit(.returnFromRoutine)
    return b.program(routine.rawValue, .routine)
  }

  static func countProgram(_ environment: ProbeEnvironment) -> ProbeProgram {
    var b = ProgramBuilder()
    let missing = b.label()
    let done = b.label()
    b.move(.v4, .v0)
    b.shiftLeft(.v4, 3)
    b.call(.findContext)
    b.branch(.v1, .equal, .immediate(0), missing)
    b.load(.v2, .v1, ThreadContext.counters)
    b.branch(.v2, .equal, .immediate(0), done)
    b.add(.v2, .v4)
    b.emit(.localAdd(ProbeAddress(.v2), .immediate(1)))
    b.jump(done)
    b.place(missing)
    b.constant(.v2, environment.sharedCounts)
    b.add(.v2, .v4)
    b.emit(.atomicAdd(ProbeAddress(.v2), .immediate(1)))
    b.place(done)
    b.emit(.returnFromRoutine)
    return b.program("count", .routine)
  }

  /// The loader's hook, protocol:
  /// 1. The request count goes up (atomically: several threads may load).
  /// 2. The thread waits until the answers have caught up with its own request, or the owner word says that `apus` is
  ///    gone, or patience is over.
  ///
  /// Behind a connection the thread stops itself instead, if its process is the session's: a forked child, whose mark is wiped,
  /// has no tracer.
  static func notifyLoaderProgram(_ environment: ProbeEnvironment) -> ProbeProgram {
    var b = ProgramBuilder()
    let done = b.label()
    if environment.trapsForLoader {
      b.stop(.loader, environment, otherwise: done)
      b.place(done)
      b.emit(.returnFromRoutine)
      return b.program("notifyLoader", .routine)
    }
    b.constant(.v3, environment.control)
    let claim = b.here()
    b.load(.v0, .v3, SharedControl.loaderRequests)
    b.move(.v4, .v0)
    b.add(.v4, .immediate(1))
    b.emit(
      .atomicCompareExchange(
        ProbeAddress(.v3, SharedControl.loaderRequests), expected: .v0, desired: .v4, otherwise: claim))
    b.emit(.timestamp(.v5, scratch: .v0))
    let wait = b.here()
    b.emit(.loadAcquire(.v0, ProbeAddress(.v3, SharedControl.loaderAnswers)))
    b.branch(.v0, .aboveOrEqual, .v4, done)
    b.emit(.load(.v0, ProbeAddress(.v3, SharedControl.owner), .four))
    b.branch(.v0, .equal, .immediate(0), done)
    b.and(.v0, .immediate(SharedControl.ownerDied))
    b.branch(.v0, .notEqual, .immediate(0), done)
    b.emit(.timestamp(.v2, scratch: .v0))
    b.subtract(.v2, .v5)
    b.branch(.v2, .aboveOrEqual, .at(.v3, SharedControl.patience), done)
    b.emit(.pause)
    b.jump(wait)
    b.place(done)
    b.emit(.returnFromRoutine)
    return b.program("notifyLoader", .routine)
  }
}
