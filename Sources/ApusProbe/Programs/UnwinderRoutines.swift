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
    let begun = b.label()
    b.move(.v4, .v2)
    b.call(.findContext)
    b.branch(.v1, .equal, .immediate(0), out)
    // A frame of an unwinder that is no more is overwritten; one that a handler's unwinder interrupts is kept.
    b.endUnwinding(at: .v4)
    b.load(.v0, .v1, ThreadContext.unwinding)
    b.branch(.v0, .notEqual, .immediate(0), begun)
    b.store(.v1, ThreadContext.unwinding, .v4)
    b.place(begun)
    b.count(.unwinderCalls, environment, scratch: .v0)
    b.storeConstant(.v1, ThreadContext.disarmed, 1)
    b.move(.v2, .v4)
    b.forEachOpenFrame(environment) { b, skip in
      b.emit(.loadOrFault(.v0, ProbeAddress(.v4), skip))
      b.move(.v2, .v4)
      b.move(.v4, .v3)
      b.call(.isOurs)
      b.move(.v3, .v4)
      b.move(.v4, .v2)
      b.branch(.v0, .equal, .immediate(0), skip)
      b.load(.v0, .v3, StackChunk.returnAddress)
      b.branch(.v0, .equal, .immediate(0), skip)
      b.emit(.storeOrFault(ProbeAddress(.v4), .v0, skip))
    }
    b.place(out)
    b.emit(.returnFromRoutine)
    return b.program("disarm", .routine)
  }

  /// If return addresses were put back, every open frame whose return address still stands in its place gets the slow
  /// return's. While an unwinder is at work, that is so of the frames of handlers that have interrupted it only.
  ///
  /// A handler's unwinder may have interrupted the stub of a return that nobody makes begin anew (without a tracer): behind the place
  /// where it has put the return address back, which is ours again then, and the mirror entry is cleared. So its address is kept
  /// in a word that only frames that changed the window need otherwise; ``Routine/exit`` looks there.
  static func armProgram(_ environment: ProbeEnvironment) -> ProbeProgram {
    var b = ProgramBuilder()
    let out = b.label()
    let look = b.label()
    let walk = b.label()
    b.branch(.v3, .notEqual, .immediate(0), look)
    b.load(.v0, .v1, ThreadContext.disarmed)
    b.branch(.v0, .equal, .immediate(0), out)
    b.place(look)
    b.window(low: .v6, delta: .v7, current: .v0, changed: out)
    b.load(.v0, .v1, ThreadContext.unwinding)
    b.branch(.v0, .notEqual, .immediate(0), walk)
    // First: a handler's unwinder may put addresses back again.
    b.storeConstant(.v1, ThreadContext.disarmed, 0)
    b.place(walk)
    b.forEachOpenFrame(environment) { b, skip in
      let idle = b.label()
      b.load(.v0, .v1, ThreadContext.unwinding)
      b.branch(.v0, .equal, .immediate(0), idle)
      b.branch(.v4, .aboveOrEqual, .v0, skip)
      b.place(idle)
      b.load(.v2, .v3, StackChunk.returnAddress)
      b.branch(.v2, .equal, .immediate(0), skip)
      b.emit(.loadOrFault(.v0, ProbeAddress(.v4), skip))
      b.branch(.v0, .notEqual, .v2, skip)
      let changed = b.label()
      b.load(.v0, .v3, StackChunk.frame)
      b.shiftRight(.v0, StackChunk.hasOuterBit)
      b.branch(.v0, .notEqual, .immediate(0), changed)
      b.store(.v3, StackChunk.outerSlot, .v2)
      b.place(changed)
      b.constant(.v2, environment.slowReturn)
      b.emit(.storeOrFault(ProbeAddress(.v4), .v2, skip))
      b.count(.rearmed, environment, scratch: .v0)
    }
    b.place(out)
    b.emit(.returnFromRoutine)
    return b.program("arm", .routine)
  }

  /// The unwinder is about to go on in the function whose frame is in v2: what it put back returns to us again, and the
  /// frames below are left.
  ///
  /// A landing outside of the window is on the unwinder's own stack, to which the thread came back without a call of
  /// ours; or in one of the windows further out, which are searched; or on a stack that has no frame of ours (in a
  /// handler, on a fibre): then nothing of ours is left, and the window stays.
  static func landProgram(_ environment: ProbeEnvironment) -> ProbeProgram {
    var b = ProgramBuilder()
    let out = b.label()
    let inside = b.label()
    let other = b.label()
    let found = b.label()
    let change = b.label()
    // v4 = where it lands, v5 = frame, v6 = its window's end, v7 = its window's delta
    b.move(.v4, .v2)
    if !environment.putsBack { b.move(.v5, .v3) }
    b.call(.findContext)
    b.branch(.v1, .equal, .immediate(0), out)
    // v5 = 0 if the unwinder runs on the stack that it lands on
    if environment.putsBack { b.load(.v5, .v1, ThreadContext.unwinding) }
    b.arithmetic(.exclusiveOr, .v5, .v4)
    b.shiftRight(.v5, StackChunk.shift)
    if environment.putsBack {
      // While everything can still be found.
      b.endUnwinding(at: .v4)
      b.move(.v2, .v4)
      b.constant(.v3, 1)
      b.call(.arm)
    }
    // As in ``enter``: where nobody attends to handlers, the window stays. What is left is noticed later.
    b.load(.v0, .v1, ThreadContext.session)
    b.branch(.v0, .equal, .immediate(0), out)
    b.requireOwner(environment, otherwise: out)
    b.window(low: .v6, delta: .v7, current: .v0, changed: out)
    b.move(.v2, .v4)
    b.subtract(.v2, .v6)
    b.branch(.v2, .below, .immediate(Int32(StackChunk.size)), inside)
    b.branch(.v5, .notEqual, .immediate(0), other)
    b.findOpenChunk(of: .v4, slot: .v5, end: .v6, environment, missing: out)
    b.jump(change)

    b.place(other)
    b.add(.v6, .immediate(Int32(StackChunk.size)))
    b.move(.v5, .v0)
    // Windows may lead in a circle: so many are searched.
    b.storeConstant(.v1, ThreadContext.searches, windowLimit)
    let next = b.here()
    b.branch(.v5, .aboveOrEqual, .v6, out)
    b.mirrorEntry(.v3, of: .v5, delta: .v7)
    b.load(.v0, .v3, StackChunk.enclosing)
    b.branch(.v5, .aboveOrEqual, .v0, out)
    b.move(.v5, .v0)
    b.branch(.v5, .below, .v6, next)
    b.load(.v2, .v3, StackChunk.frame)
    b.shiftRight(.v2, StackChunk.hasOuterBit)
    b.branch(.v2, .equal, .immediate(0), out)
    b.load(.v0, .v1, ThreadContext.searches)
    b.branch(.v0, .equal, .immediate(0), out)
    b.subtract(.v0, .immediate(1))
    b.store(.v1, ThreadContext.searches, .v0)
    b.load(.v2, .v3, StackChunk.outerSlot)
    b.load(.v5, .v2, StackChunk.current)
    b.load(.v6, .v2, StackChunk.key)
    b.shiftLeft(.v6, StackChunk.shift)
    // The first change to this chunk may have been interrupted: nothing is open in it.
    b.branch(.v5, .below, .v6, out)
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
    b.place(change)
    b.move(.v2, .v4)
    b.call(.switchWindow)
    b.branch(.v0, .equal, .immediate(0), out)
    b.place(inside)
    b.move(.v2, .v4)
    b.call(.leaveFrames)
    // A frame that was left would have changed the window back.
    b.branch(.v3, .equal, .immediate(0), out)
    b.move(.v0, .v3)
    b.call(.setWindow)
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

extension ProgramBuilder {
  /// Goes to `missing` unless the chunk of the address in `frame` has a slot with open frames. `slot`, `end`, v0 and v3 are
  /// changed.
  fileprivate mutating func findOpenChunk(
    of frame: ProbeRegister, slot: ProbeRegister, end: ProbeRegister, _ environment: ProbeEnvironment,
    missing: ProbeLabel
  ) {
    let hit = label()
    move(.v3, frame)
    shiftRight(.v3, StackChunk.shift)
    homeSlot(slot, key: .v3, environment, scratch: .v0)
    move(end, slot)
    add(end, .immediate(Int32(StackChunk.probeLimit * StackChunk.slotStride)))
    let find = here()
    load(.v0, slot, StackChunk.key)
    branch(.v0, .equal, .v3, hit)
    branch(.v0, .equal, .immediate(0), missing)
    add(slot, .immediate(Int32(StackChunk.slotStride)))
    branch(slot, .below, .register(end), find)
    jump(missing)
    place(hit)
    load(.v0, slot, StackChunk.current)
    shiftRight(.v0, StackChunk.shift)
    branch(.v0, .notEqual, .v3, missing)
  }

  /// Does something with every open frame on the stack of the address in v2 (which the thread may have come back to without
  /// a call of ours), then with those from the thread's window outwards. The routine's v1 is the context. The body finds
  /// the frame in v4 and its mirror entry in v3, may change v0, v2 and v3, and may leave by the label `skip`. v5 to v7 are
  /// used.
  fileprivate mutating func forEachOpenFrame(
    _ environment: ProbeEnvironment, _ body: (inout ProgramBuilder, ProbeLabel) -> Void
  ) {
    let own = label()
    let done = label()
    load(.v6, .v1, ThreadContext.windowLow)
    move(.v3, .v2)
    subtract(.v3, .v6)
    branch(.v3, .below, .immediate(Int32(StackChunk.size)), own)
    let absent = label()
    findOpenChunk(of: .v2, slot: .v5, end: .v6, environment, missing: absent)
    move(.v2, .v5)
    forEachFrame(fromSlotIn: .v2, environment, done: done, body)
    place(absent)
    // A handler on another stack has interrupted the window's. On the thread's own stack there are none of ours then,
    // unless the window is on it too: the unwinder may just stand in the next chunk.
    load(.v0, .v1, ThreadContext.home)
    move(.v3, .v2)
    shiftRight(.v3, StackChunk.shift)
    subtract(.v0, .register(.v3))
    branch(.v0, .aboveOrEqual, .immediate(ThreadContext.homeChunks), own)
    load(.v0, .v1, ThreadContext.home)
    load(.v3, .v1, ThreadContext.windowLow)
    shiftRight(.v3, StackChunk.shift)
    subtract(.v0, .register(.v3))
    branch(.v0, .aboveOrEqual, .immediate(ThreadContext.homeChunks), done)
    place(own)
    window(low: .v6, delta: .v7, current: .v4, changed: done)
    add(.v6, .immediate(Int32(StackChunk.size)))
    forEachFrame(fromSlotIn: nil, environment, done: done, body)
    place(done)
  }

  /// From a slot's innermost frame outwards, or from the frame in v4, in the window with end v6 and delta v7.
  private mutating func forEachFrame(
    fromSlotIn slot: ProbeRegister?, _ environment: ProbeEnvironment, done: ProbeLabel,
    _ body: (inout ProgramBuilder, ProbeLabel) -> Void
  ) {
    let skip = label()
    let next = label()
    let enter = label()
    constant(.v5, UInt64(Routine.windowLimit))
    if slot != nil { jump(enter) }
    place(next)
    branch(.v4, .aboveOrEqual, .v6, done)
    mirrorEntry(.v3, of: .v4, delta: .v7)
    body(&self, skip)
    place(skip)
    mirrorEntry(.v3, of: .v4, delta: .v7)
    load(.v0, .v3, StackChunk.enclosing)
    branch(.v4, .aboveOrEqual, .v0, done)
    move(.v4, .v0)
    branch(.v4, .below, .v6, next)
    // The window's outermost frame: did it come from another window?
    load(.v2, .v3, StackChunk.frame)
    shiftRight(.v2, StackChunk.hasOuterBit)
    branch(.v2, .equal, .immediate(0), done)
    subtract(.v5, .immediate(1))
    branch(.v5, .equal, .immediate(0), done)
    load(.v2, .v3, StackChunk.outerSlot)
    // The thread's own stack does not stand on another one: what was left there may be gone, memory and all.
    let follow = label()
    load(.v0, .v1, ThreadContext.home)
    branch(.v0, .equal, .immediate(0), follow)
    move(.v3, .v6)
    shiftRight(.v3, StackChunk.shift)
    subtract(.v3, .immediate(1))
    subtract(.v0, .v3)
    branch(.v0, .aboveOrEqual, .immediate(ThreadContext.homeChunks), follow)
    load(.v0, .v2, StackChunk.key)
    subtract(.v0, .v3)
    branch(.v0, .notEqual, .immediate(1), done)
    place(follow)
    place(enter)
    load(.v4, .v2, StackChunk.current)
    load(.v6, .v2, StackChunk.key)
    shiftLeft(.v6, StackChunk.shift)
    // The first change to this chunk may have been interrupted: nothing is open in it.
    branch(.v4, .below, .v6, done)
    mirrorDelta(.v7, slot: .v2, low: .v6, environment, scratch: .v0)
    add(.v6, .immediate(Int32(StackChunk.size)))
    jump(next)
  }
}
