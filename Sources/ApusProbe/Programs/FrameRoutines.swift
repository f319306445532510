extension Routine {
  /// Walks the open frames of the window up to the address in v2, and closes them. What is left stays in its mirror entries: only a
  /// frame's own return ever clears one, so a frame that was left and is returned to after all finds its address.
  ///
  /// They are closed, and the event logged or owed, in one (committed). If `current` has changed since the walk, a handler has closed the
  /// same frames meanwhile: they are counted anew. (A chunk has room for 32,768 frames, which one event can say.)
  static func leaveFramesProgram(_ environment: ProbeEnvironment) -> ProbeProgram {
    var b = ProgramBuilder()
    let walked = b.label()
    let out = b.label()
    let bounded = b.label()
    // v4 = number of frames, v5 = the window's delta, v6 = the last link that was left, v7 = `current` at the start
    let count = b.here()
    b.constant(.v6, 0)
    b.window(low: .v4, delta: .v5, current: .v0, changed: out)
    b.add(.v4, .immediate(Int32(StackChunk.size)))
    b.branch(.v2, .below, .v4, bounded)
    b.move(.v2, .v4)
    b.place(bounded)
    b.constant(.v4, 0)
    b.move(.v7, .v0)
    let next = b.here()
    let plain = b.label()
    b.branch(.v0, .aboveOrEqual, .v2, walked)
    if environment.depthLimit != nil {
      // In the high half, those whose return is no event.
      b.mirrorEntry(.v3, of: .v0, delta: .v5)
      b.load(.v3, .v3, StackChunk.frame)
      b.and(.v3, .immediate(Int32(EventWord.unloggedBit)))
      b.shiftLeft(.v3, 32)
      b.add(.v4, .v3)
    }
    b.add(.v4, .immediate(1))
    b.mirrorEntry(.v3, of: .v0, delta: .v5)
    b.load(.v3, .v3, StackChunk.frame)
    b.shiftRight(.v3, StackChunk.hasOuterBit)
    b.branch(.v3, .equal, .immediate(0), plain)
    b.mirrorEntry(.v3, of: .v0, delta: .v5)
    b.load(.v6, .v3, StackChunk.outerSlot)
    b.place(plain)
    b.mirrorEntry(.v3, of: .v0, delta: .v5)
    b.load(.v3, .v3, StackChunk.enclosing)
    let inwards = b.label()
    b.branch(.v0, .aboveOrEqual, .v3, inwards)
    b.move(.v0, .v3)
    b.jump(next)
    b.place(inwards)
    b.move(.v0, .v2)
    b.place(walked)
    b.branch(.v4, .equal, .immediate(0), out)

    // v4 = the event's low bits, and above them how many frames are closed; v5 = what `current` is then
    b.move(.v5, .v0)
    if environment.depthLimit != nil {
      b.move(.v3, .v4)
      b.shiftRight(.v3, 32)
      b.shiftLeft(.v4, 32)
      b.move(.v0, .v4)
      b.shiftRight(.v0, 32)
      b.subtract(.v0, .v3)
      b.shiftLeft(.v0, UInt8(EventWord.payloadShift))
      b.or(.v4, .v0)
    } else {
      b.shiftLeft(.v4, UInt8(EventWord.payloadShift))
    }
    b.or(.v4, .immediate(Int32(EventWord(.unwound, payload: 0, time: 0).rawValue)))
    let full = b.label()
    let silent = b.label()
    let closed = b.label()
    let close = b.here()
    b.branch(.v7, .notEqual, .at(.v1, ThreadContext.current), count)
    if environment.depthLimit != nil {
      b.payload(.v3, of: .v4)
      b.branch(.v3, .equal, .immediate(0), silent)
    }
    b.stampedWord(.v3, lowBitsOf: .v4, environment, scratch: .v0)
    b.stage(.v3, full: full)
    b.depth(.v3, lessFramesOf: .v4, environment)
    b.publish()
    b.commit(close) {
      $0.store(.v1, ThreadContext.current, .v5)
      $0.storeDepth(.v3, environment)
    }
    b.seal(environment)
    b.place(closed)
    b.payload(.v3, of: .v4)
    b.count(.unwound, .v3, environment, scratch: .v0)
    b.place(out)
    b.move(.v3, .v6)
    b.emit(.returnFromRoutine)

    b.place(full)
    b.constant(.v0, 8)
    b.call(.room)
    b.branch(.v0, .notEqual, .immediate(0), close)
    let owe = b.here()
    b.branch(.v7, .notEqual, .at(.v1, ThreadContext.current), count)
    b.payload(.v0, of: .v4)
    b.add(.v0, .at(.v1, ThreadContext.pendingReturns))
    b.depth(.v3, lessFramesOf: .v4, environment)
    b.commit(owe) {
      $0.storeOwed(.v0)
      $0.store(.v1, ThreadContext.current, .v5)
      $0.storeDepth(.v3, environment)
    }
    b.jump(closed)
    if environment.depthLimit != nil {
      b.place(silent)
      let close = b.here()
      b.branch(.v7, .notEqual, .at(.v1, ThreadContext.current), count)
      b.depth(.v3, lessFramesOf: .v4, environment)
      b.commit(close) {
        $0.store(.v1, ThreadContext.current, .v5)
        $0.storeDepth(.v3, environment)
      }
      b.jump(out)
    }
    return b.program("leaveFrames", .routine)
  }

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
    b.seal(environment)
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
    b.move(.v5, .v7)
    b.setWindow(slot: .v5, environment)
    b.place(same)
    b.constant(.v0, UInt64(EntryVerdict.passThrough.rawValue))
    b.emit(.returnFromRoutine)
    return b.program(routine.rawValue, .routine)
  }

  /// Finds the caller's return address of the frame in v2, whatever happened, and closes the frame.
  static func exitProgram(_ environment: ProbeEnvironment) -> ProbeProgram {
    var b = ProgramBuilder()
    let orphan = b.label()
    let outside = b.label()
    let top = b.label()
    let out = b.label()
    let unmatched = b.label()
    // v4 = mirror entry, v5 = frame, v6 = return address, v7 = the entry's frame word
    b.move(.v5, .v2)
    b.call(.findContext)
    b.branch(.v1, .equal, .immediate(0), orphan)
    let again = b.here()
    b.move(.v2, .v5)
    b.load(.v0, .v1, ThreadContext.current)
    b.branch(.v0, .below, .immediate(2), outside)
    b.move(.v0, .v2)
    b.subtract(.v0, .at(.v1, ThreadContext.windowLow))
    b.branch(.v0, .aboveOrEqual, .immediate(Int32(StackChunk.size)), outside)
    b.mirrorEntry(.v4, of: .v5)
    b.load(.v6, .v4, StackChunk.returnAddress)
    b.load(.v7, .v4, StackChunk.frame)
    // Is the frame open in this window? v0 goes up the chain.
    b.load(.v0, .v1, ThreadContext.current)
    b.move(.v3, .v5)
    b.subtract(.v3, .v0)
    b.branch(.v3, .aboveOrEqual, .immediate(Int32(StackChunk.size)), unmatched)
    let up = b.here()
    b.branch(.v0, .equal, .v5, top)
    b.branch(.v0, .aboveOrEqual, .v5, unmatched)
    b.move(.v2, .v0)
    b.subtract(.v2, .v5)
    b.move(.v3, .v4)
    b.addShifted(.v3, .v2, StackChunk.mirrorShift - StackChunk.shift)
    b.load(.v3, .v3, StackChunk.enclosing)
    b.branch(.v0, .aboveOrEqual, .v3, unmatched)
    b.move(.v0, .v3)
    b.jump(up)
    // Restartable: a handler may leave another window.
    b.endRestartable(again)
    b.place(unmatched)
    b.count(.unmatchedReturns, environment, scratch: .v0)
    b.storeConstant(.v4, StackChunk.returnAddress, 0)
    // If there is no room, nothing is owed: the reader has been told that the frame was left.
    b.returnWord(.v0, of: .v7)
    if environment.depthLimit != nil {
      b.branch(.v0, .equal, .immediate(Int32(EventWord.unlogged.rawValue)), out)
    }
    b.call(.log)
    b.jump(out)

    b.place(outside)
    b.call(.switchWindow)
    b.branch(.v0, .notEqual, .immediate(0), again)
    b.jump(orphan)

    // As in the stub: the return is logged, or owed, and the frame closed, or neither. If it is not the innermost, a handler has left
    // another window.
    b.place(top)
    b.move(.v2, .v5)
    b.call(.leaveFrames)
    let silent = b.label()
    let full = b.label()
    let closed = b.label()
    let close = b.here()
    b.innermost(.v5, otherwise: again)
    b.returnWord(.v3, of: .v7)
    if environment.depthLimit != nil {
      b.branch(.v3, .equal, .immediate(Int32(EventWord.unlogged.rawValue)), silent)
    }
    b.stampedWord(.v2, low: .v3, environment, scratch: .v0)
    b.stage(.v2, full: full)
    b.load(.v2, .v4, StackChunk.enclosing)
    b.deepen(.v3, by: -1, environment)
    b.publish()
    b.commit(close) { $0.closeFrame(mirror: .v4, environment) }
    b.seal(environment)
    b.jump(closed)

    b.place(full)
    b.constant(.v0, 8)
    b.call(.room)
    b.branch(.v0, .notEqual, .immediate(0), close)
    let owe = b.here()
    b.innermost(.v5, otherwise: again)
    b.load(.v0, .v1, ThreadContext.pendingReturns)
    b.add(.v0, .immediate(1))
    b.load(.v2, .v4, StackChunk.enclosing)
    b.deepen(.v3, by: -1, environment)
    b.commit(owe) {
      $0.storeOwed(.v0)
      $0.closeFrame(mirror: .v4, environment)
    }
    b.jump(closed)

    if environment.depthLimit != nil {
      b.place(silent)
      let close = b.here()
      b.innermost(.v5, otherwise: again)
      b.load(.v2, .v4, StackChunk.enclosing)
      b.deepen(.v3, by: -1, environment)
      b.commit(close) { $0.closeFrame(mirror: .v4, environment) }
      b.jump(closed)
    }

    b.place(closed)
    let notRoot = b.label()
    b.load(.v0, .v1, ThreadContext.rootFrame)
    b.branch(.v0, .notEqual, .v5, notRoot)
    b.storeConstant(.v1, ThreadContext.rootFrame, 0)
    b.place(notRoot)
    let same = b.label()
    b.shiftRight(.v7, StackChunk.hasOuterBit)
    b.branch(.v7, .equal, .immediate(0), same)
    b.load(.v5, .v4, StackChunk.outerSlot)
    b.move(.v4, .v6)
    b.setWindow(slot: .v5, environment)
    b.move(.v6, .v4)
    b.place(same)
    b.load(.v2, .v1, ThreadContext.current)
    b.constant(.v3, 0)
    b.call(.arm)
    b.place(out)
    b.move(.v3, .v6)
    b.emit(.returnFromRoutine)

    // No context, or no way into the frame's window: the chunk table alone leads to the mirror entry. The chunk of a frame
    // that was linked has a slot for good: within the limit, and with no free one before it. Where there is none, this
    // frame was not entered at this address (its stack has been copied), and no word says where it is to return to. The
    // return is counted, and its address is 0, as that of an empty mirror entry: the thread faults there at once, where
    // a guess would go on in the wrong function, and a search without an end would hang.
    b.place(orphan)
    let nowhere = b.label()
    b.move(.v2, .v5)
    b.call(.findMirror)
    b.branch(.v3, .equal, .immediate(0), nowhere)
    b.load(.v6, .v3, StackChunk.returnAddress)
    b.storeConstant(.v3, StackChunk.returnAddress, 0)
    b.jump(out)
    b.place(nowhere)
    b.count(.unmatchedReturns, environment, scratch: .v0)
    b.constant(.v6, 0)
    b.jump(out)
    return b.program("exit", .routine)
  }
}

extension ProgramBuilder {
  /// `d` = the low bits of an event of the function in `function`.
  fileprivate mutating func word(_ d: ProbeRegister, _ kind: EventWord.Kind, function: ProbeRegister) {
    move(d, function)
    shiftLeft(d, UInt8(EventWord.functionShift))
    if kind.rawValue != 0 { or(d, .immediate(Int32(kind.rawValue))) }
  }

  /// `d` = the low bits of the return event that a frame's word holds.
  fileprivate mutating func returnWord(_ d: ProbeRegister, of frame: ProbeRegister) {
    move(d, frame)
    and(d, .immediate(Int32(EventWord.functionMask | EventWord.kindMask)))
  }

  /// `d` = the payload of the event whose low bits are those of `low`.
  fileprivate mutating func payload(_ d: ProbeRegister, of low: ProbeRegister) {
    move(d, low)
    shiftLeft(d, UInt8(EventWord.timeBits))
    shiftRight(d, UInt8(EventWord.timeBits + EventWord.payloadShift))
  }

  /// `d` = how many traced frames are open without those whose number stands in the high half of `frames`, to be stored with `current`;
  /// nothing without a depth limit.
  fileprivate mutating func depth(
    _ d: ProbeRegister, lessFramesOf frames: ProbeRegister, _ environment: ProbeEnvironment
  ) {
    guard environment.depthLimit != nil else { return }
    move(d, frames)
    shiftRight(d, 32)
    subtract(d, .at(.v1, ThreadContext.depth))
    arithmetic(.exclusiveOr, d, .immediate(-1))
    add(d, .immediate(1))
  }

  /// Goes elsewhere unless the frame is the thread's innermost. Changes v0.
  fileprivate mutating func innermost(_ frame: ProbeRegister, otherwise: ProbeLabel) {
    load(.v0, .v1, ThreadContext.current)
    branch(.v0, .notEqual, .register(frame), otherwise)
  }

  /// The stores that note returns that could not be logged, whose number is in `returns`: nothing is logged before them.
  fileprivate mutating func storeOwed(_ returns: ProbeRegister) {
    storeConstant(.v1, ThreadContext.limit, 0)
    store(.v1, ThreadContext.pendingReturns, returns)
  }

  /// The stores that close a frame; the enclosing frame is in v2, and the depth in v3.
  fileprivate mutating func closeFrame(mirror: ProbeRegister, _ environment: ProbeEnvironment) {
    store(.v1, ThreadContext.current, .v2)
    storeDepth(.v3, environment)
    storeConstant(mirror, StackChunk.returnAddress, 0)
  }

  /// Writes the mirror entry of the frame in v5 that returns to the address in v6 and came from the window in v7 (or 0); the word that it is
  /// to return with is put into v0. Restartable with what follows. Changes v0, v2 and v3.
  fileprivate mutating func frameToLink(changed: ProbeLabel, _ word: (inout ProgramBuilder) -> Void) {
    let plain = label()
    branch(.v5, .below, .at(.v1, ThreadContext.windowLow), changed)
    load(.v0, .v1, ThreadContext.current)
    branch(.v5, .aboveOrEqual, .v0, changed)
    mirrorEntry(.v3, of: .v5)
    store(.v3, StackChunk.returnAddress, .v6)
    store(.v3, StackChunk.enclosing, .v0)
    word(&self)
    branch(.v7, .equal, .immediate(0), plain)
    // The frame changed the window: note what to change it back to.
    constant(.v2, 1 << UInt64(StackChunk.hasOuterBit))
    or(.v0, .v2)
    store(.v3, StackChunk.outerSlot, .v7)
    place(plain)
    store(.v3, StackChunk.frame, .v0)
  }
}
