extension Routine {
  /// Makes the chunk of a slot the thread's window.
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
  static func setWindowProgram(_ environment: ProbeEnvironment) -> ProbeProgram {
    var b = ProgramBuilder()
    let none = b.label()
    let closed = b.label()
    // v4 = slot
    b.move(.v4, .v0)
    let again = b.here()
    let kept = b.label()
    // v2 = which change this is; whatever handlers change from here on, has another number.
    // (Without a tracer, one that comes in between has this number too, but is over.)
    b.load(.v2, .v1, ThreadContext.windowChanges)
    b.add(.v2, .immediate(1))
    b.store(.v1, ThreadContext.windowChanges, .v2)
    b.endRestartable(again)
    let change = b.here()
    b.load(.v6, .v1, ThreadContext.windowSlot)
    b.branch(.v6, .equal, .immediate(0), kept)
    b.load(.v3, .v6, StackChunk.key)
    b.shiftLeft(.v3, StackChunk.shift)
    b.load(.v0, .v1, ThreadContext.current)
    b.move(.v7, .v0)
    b.subtract(.v7, .v3)
    // In the midst of a change, what is in the context is not the window's.
    b.branch(.v7, .aboveOrEqual, .immediate(Int32(StackChunk.size) + 1), kept)
    b.load(.v3, .v1, ThreadContext.depth)
    b.store(.v6, StackChunk.depth, .v3)
    b.store(.v6, StackChunk.current, .v0)
    b.place(kept)
    let limitsDepth = environment.depthLimit != nil
    if limitsDepth { b.depthOnArrival(.v3, slot: .v4) }
    b.load(.v6, .v4, StackChunk.key)
    b.shiftLeft(.v6, StackChunk.shift)
    b.mirrorDelta(.v7, slot: .v4, low: .v6, environment, scratch: .v0)
    b.commit(change) {
      if limitsDepth { $0.store(.v1, ThreadContext.depth, .v3) }
      $0.storeConstant(.v1, ThreadContext.current, 0)
      $0.store(.v1, ThreadContext.windowSlot, .v4)
      $0.store(.v1, ThreadContext.windowLow, .v6)
      $0.store(.v1, ThreadContext.windowDelta, .v7)
    }
    // v7 = which change this is, v6 = the window's end
    b.move(.v7, .v2)
    b.add(.v6, .immediate(Int32(StackChunk.size)))
    b.call(.logStack)
    let enter = b.here()
    b.branch(.v7, .notEqual, .at(.v1, ThreadContext.windowChanges), again)
    b.load(.v0, .v1, ThreadContext.depth)
    b.load(.v3, .v4, StackChunk.current)
    b.branch(.v3, .equal, .immediate(0), none)
    b.branch(.v3, .aboveOrEqual, .v6, closed)
    b.load(.v0, .v4, StackChunk.depth)
    b.jump(closed)
    b.place(none)
    b.move(.v3, .v6)
    b.place(closed)
    b.commit(enter) {
      $0.store(.v1, ThreadContext.depth, .v0)
      $0.store(.v1, ThreadContext.current, .v3)
    }
    b.emit(.returnFromRoutine)
    return b.program("setWindow", .routine)
  }

  /// Finds or claims the chunk of the frame in v2 and makes it the thread's window.
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
    b.move(.v0, .v4)
    b.call(.setWindow)
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

extension ProgramBuilder {
  /// `depth` = how many traced frames are open on arrival in the chunk of `slot`, should none be open there: as many as now. But who comes
  /// back to the thread's own stack finds no more than when it was last left: a handler that jumped has left frames on its stack. Within
  /// a restartable range; changes v0 and v6.
  fileprivate mutating func depthOnArrival(_ depth: ProbeRegister, slot: ProbeRegister) {
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
}
