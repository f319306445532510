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
}
