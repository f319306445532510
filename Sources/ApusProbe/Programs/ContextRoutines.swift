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

  /// Makes the chunk in `slot` (v4 or v5) the window of the context in v1: the steps of ``Routine/switchWindow``. Changes
  /// v0, v2, v3, v6 and v7.
  mutating func setWindow(slot: ProbeRegister, _ environment: ProbeEnvironment) {
    let none = label()
    let closed = label()
    let again = here()
    let kept = label()
    // v2 = which change this is; whatever handlers change from here on, has another number.
    emit(.localAdd(ProbeAddress(.v1, ThreadContext.windowChanges), .immediate(1)))
    load(.v2, .v1, ThreadContext.windowChanges)
    let change = here()
    load(.v6, .v1, ThreadContext.windowSlot)
    branch(.v6, .equal, .immediate(0), kept)
    load(.v3, .v6, StackChunk.key)
    shiftLeft(.v3, StackChunk.shift)
    load(.v0, .v1, ThreadContext.current)
    move(.v7, .v0)
    subtract(.v7, .v3)
    // In the midst of a change, what is in the context is not the window's.
    branch(.v7, .aboveOrEqual, .immediate(Int32(StackChunk.size) + 1), kept)
    load(.v3, .v1, ThreadContext.depth)
    store(.v6, StackChunk.depth, .v3)
    store(.v6, StackChunk.current, .v0)
    place(kept)
    let limitsDepth = environment.depthLimit != nil
    if limitsDepth { depthOnArrival(.v3, slot: slot) }
    load(.v6, slot, StackChunk.key)
    shiftLeft(.v6, StackChunk.shift)
    mirrorDelta(.v7, slot: slot, low: .v6, environment, scratch: .v0)
    commit(change) {
      if limitsDepth { $0.store(.v1, ThreadContext.depth, .v3) }
      $0.storeConstant(.v1, ThreadContext.current, 0)
      $0.store(.v1, ThreadContext.windowSlot, slot)
      $0.store(.v1, ThreadContext.windowLow, .v6)
      $0.store(.v1, ThreadContext.windowDelta, .v7)
    }
    // v7 = which change this is, v6 = the window's end
    move(.v7, .v2)
    add(.v6, .immediate(Int32(StackChunk.size)))
    call(.logStack)
    let enter = here()
    branch(.v7, .notEqual, .at(.v1, ThreadContext.windowChanges), again)
    load(.v0, .v1, ThreadContext.depth)
    load(.v3, slot, StackChunk.current)
    branch(.v3, .equal, .immediate(0), none)
    branch(.v3, .aboveOrEqual, .v6, closed)
    load(.v0, slot, StackChunk.depth)
    jump(closed)
    place(none)
    move(.v3, .v6)
    place(closed)
    commit(enter) {
      $0.store(.v1, ThreadContext.depth, .v0)
      $0.store(.v1, ThreadContext.current, .v3)
    }
    // Without a tracer, a handler may have come before the stores.
    branch(.v7, .notEqual, .at(.v1, ThreadContext.windowChanges), again)
  }

  /// `depth` = how many traced frames are open on arrival in the chunk of `slot`, should none be open there: as many as now. But who comes
  /// back to the thread's own stack finds no more than when it was last left: a handler that jumped has left frames on its stack. Within
  /// a restartable range; changes v0 and v6.
  private mutating func depthOnArrival(_ depth: ProbeRegister, slot: ProbeRegister) {
    let away = label()
    let arrives = label()
    let settled = label()
    func branchIfOwn(_ slot: ProbeRegister, _ own: ProbeLabel) {
      load(.v0, .v1, ThreadContext.home)
      subtract(.v0, .at(slot, StackChunk.key))
      branch(.v0, .below, .immediate(ThreadContext.homeChunks), own)
    }
    load(depth, .v1, ThreadContext.depth)
    load(.v6, .v1, ThreadContext.windowSlot)
    branch(.v6, .equal, .immediate(0), settled)
    branchIfOwn(.v6, away)
    branchIfOwn(slot, arrives)
    jump(settled)
    place(arrives)
    load(.v0, .v1, ThreadContext.ownDepth)
    branch(.v0, .aboveOrEqual, .register(depth), settled)
    move(depth, .v0)
    jump(settled)
    place(away)
    store(.v1, ThreadContext.ownDepth, depth)
    place(settled)
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

  /// Finds or claims the chunk of the frame in v2 and makes it the thread's window.
  ///
  /// A signal may arrive at any step, and its handler may change the window; every frame that did so changes it back
  /// when it returns, but a handler that jumps leaves its own.
  /// 1. This is one change more. The old window's `current` is kept in its slot. Restartable: a handler may leave a window where there
  ///    was none.
  /// 2. `current` = 0: from here on every fast path fails. Committed with it: slot, low and delta. So
  ///    whoever comes finds all of one window. (With a depth limit, the depth on arrival too.)
  /// 3. The window's chunk is logged or owed. (It may be a handler's by now.) Nobody logs an event of this chunk before: with a
  ///    `current` of 0 a handler's call changes the window, to the same chunk too, and back.
  /// 4. If there were no more changes, the chunk's own `current` and depth are read, and committed as the thread's (restartable). If there
  ///    were, a handler has changed the window, and maybe back, or jumped out of its own change: this one begins again.
  static func switchWindowProgram(_ environment: ProbeEnvironment) -> ProbeProgram {
    var b = ProgramBuilder()
    let found = b.label()
    let full = b.label()
    // v3 = key, v4 = slot, v5 = end of the search
    b.move(.v3, .v2)
    b.shiftRight(.v3, StackChunk.shift)
    b.homeSlot(.v4, key: .v3, environment, scratch: .v0)
    b.move(.v5, .v4)
    b.add(.v5, .immediate(Int32(StackChunk.probeLimit * StackChunk.slotStride)))
    let occupied = b.label()
    let next = b.here()
    b.load(.v0, .v4, StackChunk.key)
    b.branch(.v0, .equal, .v3, found)
    b.branch(.v0, .notEqual, .immediate(0), occupied)
    b.emit(
      .atomicCompareExchange(
        ProbeAddress(.v4, StackChunk.key), expected: .v0, desired: .v3, otherwise: next))
    b.jump(found)
    b.place(occupied)
    b.add(.v4, .immediate(Int32(StackChunk.slotStride)))
    b.branch(.v4, .below, .v5, next)
    b.jump(full)

    b.place(found)
    b.move(.v5, .v2)
    b.setWindow(slot: .v4, environment)
    b.count(.stackSwitches, environment, scratch: .v0)
    b.move(.v2, .v5)
    b.constant(.v0, 1)
    b.emit(.returnFromRoutine)
    b.place(full)
    b.count(.stackFull, environment, scratch: .v0)
    b.constant(.v0, 0)
    b.emit(.returnFromRoutine)
    return b.program("switchWindow", .routine)
  }
}
