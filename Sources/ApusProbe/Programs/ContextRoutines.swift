extension ProgramBuilder {
  /// v1 = the home place of this thread's context, v0 = the thread pointer.
  package mutating func homeContext(_ environment: ProbeEnvironment) {
    let shift = ThreadContext.strideShift
    emit(.threadPointer(.v0))
    move(.v1, .v0)
    arithmetic(.multiply, .v1, .immediate(ThreadContext.hashMultiplier))
    shiftRight(.v1, ThreadContext.hashShift - shift)
    and(.v1, .immediate((1 << Int32(ThreadContext.tableBits) - 1) << Int32(shift)))
    constant(.v2, environment.contexts)
    add(.v1, .v2)
  }

  /// Counts in the control page; changes `scratch`.
  package mutating func count(
    _ counter: SharedControl.Counter, _ operand: ProbeOperand,
    _ environment: ProbeEnvironment, scratch: ProbeRegister
  ) {
    constant(scratch, environment.control)
    emit(.atomicAdd(ProbeAddress(scratch, counter.offset), operand))
  }

  /// Counts one in the control page; changes `scratch`.
  package mutating func count(
    _ counter: SharedControl.Counter, _ environment: ProbeEnvironment, scratch: ProbeRegister
  ) {
    count(counter, .immediate(1), environment, scratch: scratch)
  }

  /// `slot` = the home place of the stack chunk in `key`.
  package mutating func homeSlot(
    _ slot: ProbeRegister, key: ProbeRegister, _ environment: ProbeEnvironment, scratch: ProbeRegister
  ) {
    constant(slot, StackChunk.hashMultiplier)
    arithmetic(.multiply, slot, .register(key))
    shiftRight(slot, 64 - environment.chunkBits)
    shiftLeft(slot, StackChunk.slotShift)
    constant(scratch, environment.chunkTable)
    add(slot, .register(scratch))
  }

  /// `delta` = what takes 4 F to the mirror entry, for the chunk in `slot` whose lowest address is `low`.
  package mutating func mirrorDelta(
    _ delta: ProbeRegister, slot: ProbeRegister, low: ProbeRegister, _ environment: ProbeEnvironment,
    scratch: ProbeRegister
  ) {
    move(delta, slot)
    constant(scratch, environment.chunkTable)
    subtract(delta, .register(scratch))
    shiftLeft(delta, StackChunk.mirrorShift - StackChunk.slotShift)
    constant(scratch, environment.mirror)
    add(delta, .register(scratch))
    for _ in 0..<4 { subtract(delta, .register(low)) }
  }

  /// Loads the window of the context in v1 as a whole, restartable: handlers may leave other windows. If it is just being changed,
  /// goes to `changed`. (So too if, without a tracer, one handler has come in between.) v3 is changed.
  mutating func window(
    low: ProbeRegister, delta: ProbeRegister, current: ProbeRegister, changed: ProbeLabel
  ) {
    let begin = here()
    load(low, .v1, ThreadContext.windowLow)
    branch(low, .equal, .immediate(0), changed)
    load(delta, .v1, ThreadContext.windowDelta)
    load(current, .v1, ThreadContext.current)
    endRestartable(begin)
    move(.v3, current)
    subtract(.v3, .register(low))
    branch(.v3, .aboveOrEqual, .immediate(Int32(StackChunk.size) + 1), changed)
  }

  /// `mirror`, a register that is not `frame`, = the mirror entry of `frame` by the delta that ``window(low:delta:current:changed:)`` has loaded.
  mutating func mirrorEntry(_ mirror: ProbeRegister, of frame: ProbeRegister, delta: ProbeRegister) {
    move(mirror, delta)
    addShifted(mirror, frame, StackChunk.mirrorShift - StackChunk.shift)
  }

  /// An unwinder is no longer at work if its first function's frame is not below the one in `frame`, on the same stack.
  /// (A hook among its last instructions may stand a few words lower.) Changes v0 and v3.
  mutating func endUnwinding(at frame: ProbeRegister) {
    let none = label()
    load(.v0, .v1, ThreadContext.unwinding)
    branch(.v0, .equal, .immediate(0), none)
    move(.v3, frame)
    subtract(.v3, .register(.v0))
    add(.v3, .immediate(128))
    branch(.v3, .aboveOrEqual, .immediate(1 << 30), none)
    storeConstant(.v1, ThreadContext.unwinding, 0)
    place(none)
  }

  /// `mirror`, a register that is not `frame`, = the mirror entry of `frame`, in the window of the context in v1.
  package mutating func mirrorEntry(_ mirror: ProbeRegister, of frame: ProbeRegister) {
    load(mirror, .v1, ThreadContext.windowDelta)
    addShifted(mirror, frame, StackChunk.mirrorShift - StackChunk.shift)
  }

  /// v1 = the context of the thread, or goes on to `missing`. Changes v0, v2 and v3.
  mutating func searchContext(_ environment: ProbeEnvironment, found: ProbeLabel, missing: ProbeLabel) {
    homeContext(environment)
    move(.v2, .v1)
    add(.v2, .immediate(Int32(ThreadContext.probeLimit * ThreadContext.stride)))
    let next = here()
    load(.v3, .v1, ThreadContext.threadPointer)
    branch(.v3, .equal, .v0, found)
    branch(.v3, .equal, .immediate(0), missing)
    add(.v1, .immediate(Int32(ThreadContext.stride)))
    branch(.v1, .below, .v2, next)
  }

  /// Counts one lost call of the function in `function`; changes both registers.
  package mutating func countLost(
    function: ProbeRegister, _ environment: ProbeEnvironment, scratch: ProbeRegister
  ) {
    shiftLeft(function, 3)
    constant(scratch, environment.lostCalls)
    add(scratch, .register(function))
    emit(.atomicAdd(ProbeAddress(scratch, 0), .immediate(1)))
  }
}

extension Routine {
  /// Looks along the table from the home place. Where the tracer is not told of new threads, one stops itself when it finds no
  /// context, and looks again.
  static func findContextProgram(_ environment: ProbeEnvironment) -> ProbeProgram {
    var b = ProgramBuilder()
    let found = b.label()
    let missing = b.label()
    if environment.trapsForThreads {
      let new = b.label()
      b.searchContext(environment, found: found, missing: new)
      b.place(new)
      b.stop(.thread, environment, otherwise: missing)
    }
    b.searchContext(environment, found: found, missing: missing)
    b.place(missing)
    b.constant(.v1, 0)
    b.place(found)
    b.emit(.returnFromRoutine)
    return b.program("findContext", .routine)
  }

  /// Compares with each arena in the control page.
  static func isOursProgram(_ environment: ProbeEnvironment) -> ProbeProgram {
    var b = ProgramBuilder()
    let ours = b.label()
    let not = b.label()
    b.constant(.v3, environment.control)
    b.load(.v4, .v3, SharedControl.arenaCount)
    b.add(.v3, .immediate(SharedControl.arenas))
    let next = b.here()
    b.branch(.v4, .equal, .immediate(0), not)
    b.move(.v5, .v0)
    b.subtract(.v5, .at(.v3, 0))
    b.branch(.v5, .below, .at(.v3, 8), ours)
    b.add(.v3, .immediate(16))
    b.subtract(.v4, .immediate(1))
    b.jump(next)
    b.place(not)
    b.constant(.v0, 0)
    b.emit(.returnFromRoutine)
    b.place(ours)
    b.constant(.v0, 1)
    b.emit(.returnFromRoutine)
    return b.program("isOurs", .routine)
  }
}
