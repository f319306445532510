extension ProbeEnvironment {
  /// How many bytes of events a call has: with its register file, or one event.
  func callBytes(_ registers: RegisterRecord?) -> Int32 { registers?.eventBytes ?? 8 }
}

extension ProgramBuilder {
  /// `word` = the time now, and the low bits that come from `low`; changes `scratch`.
  mutating func stampedWord(
    _ word: ProbeRegister, low: ProbeOperand, _ environment: ProbeEnvironment, scratch: ProbeRegister
  ) {
    if environment.isTimed {
      emit(.timestamp(word, scratch: scratch))
      shiftLeft(word, UInt8(EventWord.timeShift))
      if low != .immediate(0) { or(word, low) }
    } else {
      switch low {
      case .immediate(let value): constant(word, UInt64(bitPattern: Int64(value)))
      case .register(let register): move(word, register)
      case .memory(let place): load(word, place.base, place.offset)
      }
    }
  }

  /// `word` = the time now, and the low bits that come from those of `low`, whose others do not matter; changes `scratch`.
  mutating func stampedWord(
    _ word: ProbeRegister, lowBitsOf low: ProbeRegister, _ environment: ProbeEnvironment,
    scratch: ProbeRegister
  ) {
    let bits = environment.isTimed ? scratch : word
    if environment.isTimed {
      emit(.timestamp(word, scratch: scratch))
      shiftLeft(word, UInt8(EventWord.timeShift))
    }
    move(bits, low)
    shiftLeft(bits, UInt8(EventWord.timeBits))
    shiftRight(bits, UInt8(EventWord.timeBits))
    if environment.isTimed { or(word, .register(scratch)) }
  }

  /// Appends an event of a stub's function. Needs the context in v1; changes v0 and v2.
  mutating func appendFunctionEvent(
    _ kind: EventWord.Kind, _ function: StubFunction, _ environment: ProbeEnvironment, full: ProbeLabel
  ) {
    findOps(function)
    stampedWord(.v2, low: word(kind, function), environment, scratch: .v0)
    append(full: full)
  }

  /// Writes v2 as the next event of the thread whose context is in v1.
  ///
  /// The protocol between a writer, its own signal handlers, and the reader:
  /// 1. The position is read; at or above the limit, there is no room (`full`).
  /// 2. The word is stored in the position's place, which nobody reads yet.
  /// 3. The position goes up by 8 (a release: whoever reads the position sees the word).
  ///
  /// The three are restartable: a handler that is delivered in between runs before all of them. So it cannot use the place
  /// too, and if it never comes back (siglongjmp, cancellation), nothing is half done.
  ///
  /// Changes v0.
  ///
  /// - Parameter earlier: where the restartable instructions begin, if the word is made in them too.
  mutating func append(from earlier: ProbeLabel? = nil, full: ProbeLabel) {
    let begin = earlier ?? here()
    load(.v0, .v1, ThreadContext.position)
    branch(.v0, .aboveOrEqual, .at(.v1, ThreadContext.limit), full)
    store(.v0, 0, .v2)
    emit(.prefetchForStore(ProbeAddress(.v0, 1024)))
    add(.v0, .immediate(8))
    publish()
    endRestartable(begin)
  }

  /// Steps 1 and 2 of ``append(from:full:)``, within the caller's restartable instructions: `word` (not v0) is stored, and v0 is the position
  /// that ``publish()`` makes the thread's.
  package mutating func stage(_ word: ProbeRegister, full: ProbeLabel) {
    load(.v0, .v1, ThreadContext.position)
    branch(.v0, .aboveOrEqual, .at(.v1, ThreadContext.limit), full)
    store(.v0, 0, word)
    add(.v0, .immediate(8))
  }

  /// Step 3 of ``append(from:full:)``.
  mutating func publish() {
    emit(.storeRelease(ProbeAddress(.v1, ThreadContext.position), .v0))
  }

  /// Stages the event of a call in v2, and before it, on the regs path, its register file, which stands below the frame in v5. Changes v0
  /// and v3.
  mutating func stageCall(_ registers: RegisterRecord?, full: ProbeLabel) {
    if let registers { stageRegisters(registers, full: full) } else { stage(.v2, full: full) }
  }

  /// With a minimum duration: gives the reader all that is logged, for good. Restartable: a handler may have given more, and
  /// what is given never goes back. Changes v0.
  mutating func seal(_ environment: ProbeEnvironment) {
    guard environment.minimumTicks > 0 else { return }
    let begin = here()
    load(.v0, .v1, ThreadContext.position)
    emit(.storeRelease(ProbeAddress(.v1, ThreadContext.sealed), .v0))
    endRestartable(begin)
  }

  /// Logs what is owed though the limit is not above the position: a gap for the returns, and behind it, the stack chunk. The same protocol as
  /// ``append(full:)``, but that the room is looked at each time. It is restartable from the beginning, so that what a handler has owed
  /// or paid is looked at anew, and is owed no more with the event (committed): a handler finds the one or the other. A stack chunk that
  /// nobody owes any more does no harm.
  ///
  /// Changes v0, v2, v3 and v6.
  mutating func payOwed(_ environment: ProbeEnvironment, full: ProbeLabel) {
    let begin = here()
    let inside = label()
    let stack = label()
    let fits = label()
    let stamp = label()
    load(.v0, .v1, ThreadContext.position)
    branch(.v0, .equal, .at(.v1, ThreadContext.bufferEnd), full)
    emit(.loadAcquire(.v6, ProbeAddress(.v1, ThreadContext.consumed)))
    branch(.v6, .notEqual, .at(.v1, ThreadContext.bufferBase), inside)
    load(.v6, .v1, ThreadContext.bufferEnd)
    place(inside)
    subtract(.v6, .v0)
    branch(.v6, .equal, .immediate(8), full)
    // v3 = what stays owed if one gap does not hold it all.
    load(.v3, .v1, ThreadContext.pendingReturns)
    branch(.v3, .equal, .immediate(0), stack)
    move(.v6, .v3)
    branch(.v6, .below, .immediate(1 << Int32(EventWord.payloadBits)), fits)
    constant(.v6, (1 << EventWord.payloadBits) - 1)
    place(fits)
    subtract(.v3, .v6)
    shiftLeft(.v6, UInt8(EventWord.payloadShift))
    or(.v6, .immediate(Int32(EventWord(.gap, payload: 0, time: 0).rawValue)))
    jump(stamp)
    place(stack)
    stackEvent(.v6, environment, scratch: .v0)
    place(stamp)
    stampedWord(.v2, low: .v6, environment, scratch: .v0)
    load(.v0, .v1, ThreadContext.position)
    // Behind a gap the stack chunk is owed, behind the stack chunk it is not.
    load(.v6, .v1, ThreadContext.pendingReturns)
    store(.v0, 0, .v2)
    add(.v0, .immediate(8))
    emit(.storeRelease(ProbeAddress(.v1, ThreadContext.position), .v0))
    commit(begin) {
      $0.store(.v1, ThreadContext.pendingReturns, .v3)
      $0.store(.v1, ThreadContext.stackOwed, .v6)
    }
  }

  /// `word` = the event that says which stack chunk the window of the context in v1 is, without its time; changes `scratch`.
  mutating func stackEvent(
    _ word: ProbeRegister, _ environment: ProbeEnvironment, scratch: ProbeRegister
  ) {
    load(word, .v1, ThreadContext.windowSlot)
    constant(scratch, environment.chunkTable)
    subtract(word, .register(scratch))
    shiftRight(word, StackChunk.slotShift)
    shiftLeft(word, UInt8(EventWord.payloadShift))
    or(word, .immediate(Int32(EventWord(.stack, payload: 0, time: 0).rawValue)))
  }

  /// Marks the instructions from a label to here as restartable, and the stores that follow as committed with the last of them.
  mutating func commit(_ begin: ProbeLabel, _ stores: (inout ProgramBuilder) -> Void) {
    let first = here()
    emit(.restartable(begin, first))
    stores(&self)
    let end = here()
    emit(.committed(first, end))
  }

  /// Stops the thread for the tracer, if its process is the session's and there is a tracer. Restartable: a handler may fork. Changes v0.
  mutating func stop(_ reason: ProbeTrap, _ environment: ProbeEnvironment, otherwise: ProbeLabel) {
    let begin = here()
    constant(.v0, environment.sessionMark)
    load(.v0, .v0, 0)
    branch(.v0, .equal, .immediate(0), otherwise)
    requireOwner(environment, otherwise: otherwise)
    emit(.trap(reason))
    endRestartable(begin)
  }

  /// Goes elsewhere if `apus` has ended the session, or died. Changes v0.
  mutating func requireOwner(_ environment: ProbeEnvironment, otherwise: ProbeLabel) {
    constant(.v0, environment.control)
    emit(.load(.v0, ProbeAddress(.v0, SharedControl.owner), .four))
    branch(.v0, .equal, .immediate(0), otherwise)
    and(.v0, .immediate(SharedControl.ownerDied))
    branch(.v0, .notEqual, .immediate(0), otherwise)
  }

  /// `d` = how many traced frames are open with one more or less, to be stored with `current`; nothing without a depth limit.
  mutating func deepen(_ d: ProbeRegister, by frames: Int32, _ environment: ProbeEnvironment) {
    guard environment.depthLimit != nil else { return }
    load(d, .v1, ThreadContext.depth)
    add(d, .immediate(frames))
  }

  /// Stores what ``deepen(_:by:_:)`` has given.
  mutating func storeDepth(_ s: ProbeRegister, _ environment: ProbeEnvironment) {
    guard environment.depthLimit != nil else { return }
    store(.v1, ThreadContext.depth, s)
  }

  /// Marks the instructions from a label to here as restartable.
  mutating func endRestartable(_ begin: ProbeLabel) {
    let end = here()
    emit(.restartable(begin, end))
  }
}
