extension Routine {
  /// How many windows `disarm` follows outwards.
  static let windowLimit: Int32 = 4096

  /// Puts the real return address back into every open frame, window by window outwards. v2 is the frame address of
  /// the function that is about to walk.
  ///
  /// A frame in the chain may have been left, and its stack be gone: the accesses may fault, and only what is an address
  /// of ours is replaced.
  static func disarmProgram(_ environment: ProbeEnvironment) -> ProbeProgram {
    var b = ProgramBuilder()
    let out = b.label()
    let done = b.label()
    let skip = b.label()
    let idle = b.label()
    let begun = b.label()
    // v4 = frame, v5 = windows left, v6 = the window's end, v7 = the window's delta
    b.move(.v4, .v2)
    b.call(.findContext)
    b.branch(.v1, .equal, .immediate(0), out)
    // A frame of an unwinder that is no more is overwritten; one that a handler's unwinder interrupts is kept.
    b.endUnwinding(at: .v4)
    b.load(.v0, .v1, ThreadContext.unwinding)
    b.branch(.v0, .equal, .immediate(0), idle)
    b.jump(begun)
    b.place(idle)
    b.store(.v1, ThreadContext.unwinding, .v4)
    b.place(begun)
    b.count(.unwinderCalls, environment, scratch: .v0)
    b.window(low: .v6, delta: .v7, current: .v4, changed: out)
    b.add(.v6, .immediate(Int32(StackChunk.size)))
    b.constant(.v5, UInt64(windowLimit))
    let next = b.here()
    b.branch(.v4, .aboveOrEqual, .v6, done)
    b.emit(.loadOrFault(.v0, ProbeAddress(.v4), skip))
    b.call(.isOurs)
    b.branch(.v0, .equal, .immediate(0), skip)
    b.move(.v3, .v4)
    b.add(.v3, .v4)
    b.add(.v3, .v7)
    b.load(.v0, .v3, StackChunk.returnAddress)
    b.branch(.v0, .equal, .immediate(0), skip)
    b.emit(.storeOrFault(ProbeAddress(.v4), .v0, skip))
    b.place(skip)
    b.move(.v3, .v4)
    b.add(.v3, .v4)
    b.add(.v3, .v7)
    b.load(.v0, .v3, StackChunk.frame)
    b.move(.v2, .v0)
    b.distance(.v0)
    b.branch(.v0, .equal, .immediate(0), done)
    b.add(.v4, .v0)
    b.branch(.v4, .below, .v6, next)
    // The window's outermost frame: did it come from another window?
    b.shiftRight(.v2, StackChunk.hasOuterBit)
    b.branch(.v2, .equal, .immediate(0), done)
    b.subtract(.v5, .immediate(1))
    b.branch(.v5, .equal, .immediate(0), done)
    b.load(.v2, .v3, StackChunk.outerSlot)
    b.move(.v0, .v2)
    b.and(.v0, .immediate(1))
    b.branch(.v0, .notEqual, .immediate(0), done)
    b.load(.v4, .v2, StackChunk.current)
    b.load(.v6, .v2, StackChunk.key)
    b.shiftLeft(.v6, StackChunk.shift)
    b.mirrorDelta(.v7, slot: .v2, low: .v6, environment, scratch: .v0)
    b.add(.v6, .immediate(Int32(StackChunk.size)))
    b.jump(next)
    b.place(done)
    b.storeConstant(.v1, ThreadContext.disarmed, windowLimit)
    b.place(out)
    b.emit(.returnFromRoutine)
    return b.program("disarm", .routine)
  }

  /// The unwinder is about to go on in the function whose frame is in v2: the frames below are left, and the innermost
  /// one that stays is armed.
  ///
  /// A landing outside of the window is in one of the windows further out, which are searched, or on a stack that has
  /// no frame of ours (in a handler, on a fibre): then nothing of ours is left, and the window stays.
  static func landProgram(_ environment: ProbeEnvironment) -> ProbeProgram {
    var b = ProgramBuilder()
    let out = b.label()
    let arm = b.label()
    let inside = b.label()
    let found = b.label()
    // v4 = where it lands, v5 = frame, v6 = its window's end, v7 = its window's delta
    b.move(.v4, .v2)
    b.call(.findContext)
    b.branch(.v1, .equal, .immediate(0), out)
    b.endUnwinding(at: .v4)
    b.window(low: .v6, delta: .v7, current: .v5, changed: out)
    b.move(.v2, .v4)
    b.subtract(.v2, .v6)
    b.branch(.v2, .below, .immediate(Int32(StackChunk.size)), inside)
    b.add(.v6, .immediate(Int32(StackChunk.size)))
    let next = b.here()
    b.branch(.v5, .aboveOrEqual, .v6, arm)
    b.move(.v3, .v5)
    b.add(.v3, .v5)
    b.add(.v3, .v7)
    b.load(.v2, .v3, StackChunk.frame)
    b.move(.v0, .v2)
    b.distance(.v0)
    b.branch(.v0, .equal, .immediate(0), arm)
    b.add(.v5, .v0)
    b.branch(.v5, .below, .v6, next)
    b.shiftRight(.v2, StackChunk.hasOuterBit)
    b.branch(.v2, .equal, .immediate(0), arm)
    // Windows may lead in a circle: no more are searched than `disarm` allows.
    b.load(.v0, .v1, ThreadContext.disarmed)
    b.branch(.v0, .below, .immediate(2), arm)
    b.subtract(.v0, .immediate(1))
    b.store(.v1, ThreadContext.disarmed, .v0)
    b.load(.v2, .v3, StackChunk.outerSlot)
    b.move(.v0, .v2)
    b.and(.v0, .immediate(1))
    b.branch(.v0, .notEqual, .immediate(0), arm)
    b.load(.v5, .v2, StackChunk.current)
    b.load(.v6, .v2, StackChunk.key)
    b.shiftLeft(.v6, StackChunk.shift)
    b.move(.v3, .v4)
    b.subtract(.v3, .v6)
    b.branch(.v3, .below, .immediate(Int32(StackChunk.size)), found)
    b.mirrorDelta(.v7, slot: .v2, low: .v6, environment, scratch: .v0)
    b.add(.v6, .immediate(Int32(StackChunk.size)))
    b.jump(next)

    b.place(found)
    // All of this window's frames are left.
    b.load(.v2, .v1, ThreadContext.windowLow)
    b.add(.v2, .immediate(Int32(StackChunk.size)))
    b.call(.leaveFrames)
    b.move(.v2, .v4)
    b.call(.switchWindow)
    b.branch(.v0, .equal, .immediate(0), out)
    b.place(inside)
    b.move(.v2, .v4)
    b.call(.leaveFrames)
    // A frame that was left would have changed the window back.
    b.branch(.v3, .equal, .immediate(0), arm)
    b.move(.v2, .v3)
    b.restoreWindow(environment)
    b.place(arm)
    b.call(.arm)
    b.place(out)
    b.emit(.returnFromRoutine)
    return b.program("land", .routine)
  }

  /// For functions that look at their own return address: after a tail call it is one of ours, and the frame's call
  /// ends here.
  static func giveBackProgram(_ environment: ProbeEnvironment) -> ProbeProgram {
    var b = ProgramBuilder()
    let foreign = b.label()
    b.move(.v4, .v2)
    b.move(.v5, .v3)
    b.move(.v0, .v3)
    b.call(.isOurs)
    b.branch(.v0, .equal, .immediate(0), foreign)
    b.move(.v2, .v4)
    b.call(.exit)
    b.emit(.returnFromRoutine)
    b.place(foreign)
    b.move(.v3, .v5)
    b.emit(.returnFromRoutine)
    return b.program("giveBack", .routine)
  }
}
