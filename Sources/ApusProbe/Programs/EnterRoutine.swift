extension Routine {
  /// Everything that the fast entry path does not do: no context, no session (a forked child), another window, a tail
  /// call, frames that were left, a full buffer.
  static func enterProgram(_ environment: ProbeEnvironment, _ routine: Routine = .enter) -> ProbeProgram {
    let registers = routine == .enter ? nil : environment.registers
    var b = ProgramBuilder()
    let pass = b.label()
    let lost = b.label()
    let missing = b.label()
    let outside = b.label()
    let inside = b.label()
    let tail = b.label()
    let unchanged = b.label()
    // v4 = function, v5 = frame, v6 = return address, v7 = the slot of the window that is left, or 0
    b.move(.v4, .v0)
    b.move(.v5, .v2)
    b.move(.v6, .v3)
    b.constant(.v7, 0)
    b.call(.findContext)
    b.branch(.v1, .equal, .immediate(0), missing)
    b.load(.v0, .v1, ThreadContext.session)
    b.branch(.v0, .equal, .immediate(0), pass)
    // Before the window changes: what an unwinder put back is found from the window that it saw.
    b.endUnwinding(at: .v5)
    b.move(.v2, .v5)
    b.constant(.v3, 0)
    b.call(.arm)
    b.move(.v2, .v5)
    // The slot first: a thread's first window may be set by a handler between the two.
    b.load(.v7, .v1, ThreadContext.windowSlot)
    b.load(.v3, .v1, ThreadContext.current)
    b.branch(.v3, .below, .immediate(2), outside)
    b.move(.v0, .v2)
    b.subtract(.v0, .at(.v1, ThreadContext.windowLow))
    b.branch(.v0, .aboveOrEqual, .immediate(Int32(StackChunk.size)), outside)
    b.constant(.v7, 0)
    b.jump(inside)
    b.place(outside)
    // Nobody attends to handlers any more: one that left another window would mislead the stub that it has interrupted.
    b.requireOwner(environment, otherwise: unchanged)
    b.call(.switchWindow)
    b.branch(.v0, .equal, .immediate(0), unchanged)
    // An interrupted change to the same window: there is nothing to change back to.
    b.load(.v0, .v1, ThreadContext.windowSlot)
    b.branch(.v0, .notEqual, .v7, inside)
    b.constant(.v7, 0)

    b.place(inside)
    b.move(.v0, .v6)
    b.call(.isOurs)
    b.branch(.v0, .notEqual, .immediate(0), tail)
    b.move(.v2, .v5)
    b.add(.v2, .immediate(1))
    b.call(.leaveFrames)
    // A frame that was left would have changed the window back: now this one does.
    let known = b.label()
    b.branch(.v7, .notEqual, .immediate(0), known)
    b.move(.v7, .v3)
    b.place(known)
    if let limit = environment.depthLimit {
      b.load(.v0, .v1, ThreadContext.depth)
      b.branch(.v0, .aboveOrEqual, .immediate(limit), pass)
    }
    // As in the stub: the entry is logged, and the frame open, or neither.
    let full = b.label()
    let astray = b.label()
    let linked = b.label()
    let unlogged = b.label()
    let unlinked = b.label()
    let link = b.here()
    b.frameToLink(changed: astray) {
      $0.word(.v0, .return, function: .v4)
    }
    b.word(.v3, .entry, function: .v4)
    b.stampedWord(.v2, low: .v3, environment, scratch: .v0)
    b.stageCall(registers, full: full)
    b.deepen(.v2, by: 1, environment)
    b.publish()
    b.commit(link) {
      $0.store(.v1, ThreadContext.current, .v5)
      $0.storeDepth(.v2, environment)
    }
    b.seal(environment)
    let ordinary = b.label()
    b.place(linked)
    b.branch(.v7, .equal, .immediate(0), ordinary)
    b.constant(.v3, environment.slowReturn)
    b.constant(.v0, UInt64(EntryVerdict.returnSlowly.rawValue))
    b.emit(.returnFromRoutine)
    b.place(ordinary)
    b.constant(.v0, UInt64(EntryVerdict.callBody.rawValue))
    b.emit(.returnFromRoutine)

    b.place(full)
    b.constant(.v0, UInt64(environment.callBytes(registers)))
    b.call(.room)
    b.branch(.v0, .notEqual, .immediate(0), link)
    b.jump(environment.depthLimit == nil ? unlinked : unlogged)
    if environment.depthLimit != nil {
      // A frame whose entry was lost counts as one, but its return is no event.
      b.place(unlogged)
      b.countLost(function: .v4, environment, scratch: .v0)
      let link = b.here()
      b.frameToLink(changed: pass) { $0.constant(.v0, EventWord.unlogged.rawValue) }
      b.deepen(.v2, by: 1, environment)
      b.commit(link) {
        $0.store(.v1, ThreadContext.current, .v5)
        $0.storeDepth(.v2, environment)
      }
      b.jump(linked)
    } else {
      // What an interrupted stub may have left in the mirror entry; no frame that is open stands here.
      b.place(unlinked)
      let look = b.here()
      b.mirrorEntry(.v6, of: .v5)
      b.move(.v0, .v5)
      b.subtract(.v0, .at(.v1, ThreadContext.windowLow))
      b.branch(.v0, .aboveOrEqual, .immediate(Int32(StackChunk.size)), lost)
      b.storeConstant(.v6, StackChunk.returnAddress, 0)
      b.endRestartable(look)
      b.jump(lost)
    }

    // A handler has left another window, or frames in this one.
    b.place(astray)
    let stray = b.label()
    b.move(.v2, .v5)
    // (Without a tracer, `current` may be of another window.)
    b.load(.v0, .v1, ThreadContext.current)
    b.subtract(.v0, .at(.v1, ThreadContext.windowLow))
    b.branch(.v0, .aboveOrEqual, .immediate(Int32(StackChunk.size) + 1), stray)
    b.move(.v0, .v2)
    b.subtract(.v0, .at(.v1, ThreadContext.windowLow))
    b.branch(.v0, .below, .immediate(Int32(StackChunk.size)), inside)
    b.place(stray)
    b.call(.switchWindow)
    b.branch(.v0, .notEqual, .immediate(0), inside)
    b.jump(lost)

    // A tail call: the frame's function changes, its return address and its place in the chain stay.
    b.place(tail)
    b.move(.v2, .v5)
    b.call(.leaveFrames)
    let tailFull = b.label()
    let change = b.here()
    b.move(.v0, .v5)
    b.subtract(.v0, .at(.v1, ThreadContext.windowLow))
    b.branch(.v0, .aboveOrEqual, .immediate(Int32(StackChunk.size)), astray)
    b.load(.v0, .v1, ThreadContext.current)
    b.branch(.v0, .below, .v5, astray)
    b.mirrorEntry(.v3, of: .v5)
    b.load(.v0, .v3, StackChunk.returnAddress)
    b.branch(.v0, .equal, .immediate(0), lost)
    if environment.depthLimit != nil { b.load(.v0, .v3, StackChunk.frame) }
    b.word(.v3, .tail, function: .v4)
    if environment.depthLimit != nil {
      // In a frame that is not logged this is an entry.
      b.and(.v0, .immediate(Int32(EventWord.unloggedBit)))
      b.or(.v3, .v0)
    }
    b.stampedWord(.v2, low: .v3, environment, scratch: .v0)
    b.stageCall(registers, full: tailFull)
    b.mirrorEntry(.v3, of: .v5)
    b.load(.v2, .v3, StackChunk.frame)
    b.shiftRight(.v2, StackChunk.hasOuterBit)
    b.shiftLeft(.v2, StackChunk.hasOuterBit)
    b.word(.v3, .return, function: .v4)
    b.or(.v2, .v3)
    b.mirrorEntry(.v3, of: .v5)
    b.publish()
    b.commit(change) { $0.store(.v3, StackChunk.frame, .v2) }
    b.jump(pass)
    b.place(tailFull)
    b.constant(.v0, UInt64(environment.callBytes(registers)))
    b.call(.room)
    b.branch(.v0, .notEqual, .immediate(0), change)
    b.jump(lost)

    b.place(missing)
    b.count(.noContext, environment, scratch: .v0)
    b.place(unchanged)
    b.constant(.v7, 0)
    b.place(lost)
    b.countLost(function: .v4, environment, scratch: .v0)
    b.place(pass)
    // No frame of ours will change the window back: a handler's call that is not recorded must do so now, since the
    // stub that it has interrupted goes on with the window it knows.
    let same = b.label()
    b.branch(.v7, .equal, .immediate(0), same)
    b.move(.v0, .v7)
    b.call(.setWindow)
    b.place(same)
    b.constant(.v0, UInt64(EntryVerdict.passThrough.rawValue))
    b.emit(.returnFromRoutine)
    return b.program(routine.rawValue, .routine)
  }
}
