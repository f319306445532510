extension Routine {
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
    b.branch(.v0, .equal, .v5, top)
    let up = b.here()
    b.branch(.v0, .aboveOrEqual, .v5, unmatched)
    b.move(.v2, .v0)
    b.subtract(.v2, .v5)
    b.move(.v3, .v4)
    b.addShifted(.v3, .v2, StackChunk.mirrorShift - StackChunk.shift)
    b.load(.v3, .v3, StackChunk.enclosing)
    b.branch(.v0, .aboveOrEqual, .v3, unmatched)
    b.move(.v0, .v3)
    b.branch(.v0, .notEqual, .v5, up)
    // Restartable: a handler may leave another window.
    b.endRestartable(again)
    b.jump(top)
    b.place(unmatched)
    b.count(.unmatchedReturns, environment, scratch: .v0)
    // A return that was armed when its stub had been interrupted (``arm``).
    let known = b.label()
    b.branch(.v6, .notEqual, .immediate(0), known)
    b.move(.v0, .v7)
    b.shiftRight(.v0, StackChunk.hasOuterBit)
    b.branch(.v0, .notEqual, .immediate(0), known)
    b.load(.v6, .v4, StackChunk.outerSlot)
    b.place(known)
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
    b.load(.v0, .v4, StackChunk.outerSlot)
    b.call(.setWindow)
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
