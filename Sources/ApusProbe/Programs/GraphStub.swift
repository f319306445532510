internal import ApusCore

/// What a stub records of its function.
package struct StubOptions: Sendable, Hashable {
  /// The part that a function plays when only what certain roots call is recorded.
  package enum Root: Sendable, Hashable {
    /// Everything is recorded.
    case everywhere
    /// This function is a root.
    case root
    /// Recorded only below a root.
    case inside
  }

  package var root: Root = .everywhere

  package init() {}
}

extension ProbeProgram {
  /// The graph level's stub: logs the call, keeps the caller's return address in the shadow map, calls the body, logs
  /// the return, and returns to the caller.
  ///
  /// Entry:
  /// 1. The checks, and the mirror entry, which nobody looks at yet.
  /// 2. The room for the event, and its word.
  /// 3. The position, which makes the event one, and `current`, which makes the frame open.
  /// 4. The body is called, which takes the return address out of the stack.
  ///
  /// Return:
  /// 1. The checks, and the room for the event.
  /// 2. The return address goes back to the stack; the event's word.
  /// 3. The position; `current` goes out by one frame, and the mirror entry is cleared.
  ///
  /// On both ways steps 1 and 2 are restartable and step 3 is committed: a handler runs before all of them or after them. So it
  /// finds a frame open exactly if its entry is an event and its return is none, and may leave other windows, by a jump
  /// too. Where there is no room, the slow paths do it all. A return address that an entry has left in the mirror costs the next call there
  /// the slow path; ``Routine/enter`` clears it if the call is lost in the same window.
  ///
  /// With a minimum duration a stub is of one function: a return must know whose entry it may take back.
  package static func graphStub(
    function: StubFunction, options: StubOptions, environment: ProbeEnvironment
  ) -> ProbeProgram {
    var b = ProgramBuilder()
    let slow = b.label()
    let tail = b.label()
    let slowExit = b.label()
    let pass = b.label()
    let body = b.label()
    b.homeContext(environment)
    b.branch(.v0, .notEqual, .at(.v1, ThreadContext.threadPointer), slow)
    if options.root != .everywhere { b.rootFilter(isRoot: options.root == .root, pass: pass) }
    let entry = b.here()
    b.findOps(function)
    b.emit(.frameAddress(.v2))
    b.branch(.v2, .below, .at(.v1, ThreadContext.windowLow), slow)
    b.load(.v3, .v1, ThreadContext.current)
    b.branch(.v2, .aboveOrEqual, .v3, tail)
    b.mirrorEntry(.v0, of: .v2)
    b.store(.v0, StackChunk.enclosing, .v3)
    b.load(.v3, .v0, StackChunk.returnAddress)
    b.branch(.v3, .notEqual, .immediate(0), slow)
    if let limit = environment.depthLimit {
      b.load(.v3, .v1, ThreadContext.depth)
      b.branch(.v3, .aboveOrEqual, .immediate(limit), pass)
    }
    b.storeWord(.v0, StackChunk.frame, .return, function, scratch: .v3)
    b.emit(.loadReturnAddress(.v3))
    b.store(.v0, StackChunk.returnAddress, .v3)
    b.load(.v3, .v1, ThreadContext.position)
    b.branch(.v3, .aboveOrEqual, .at(.v1, ThreadContext.limit), slow)
    if environment.isTimed {
      b.stampedWord(.v2, low: b.word(.entry, function), environment, scratch: .v0)
      b.store(.v3, 0, .v2)
      // Only here: an untimed call was measured to cost more with it (decision 1).
      b.emit(.prefetchForStore(ProbeAddress(.v3, 1024)))
      b.emit(.frameAddress(.v2))
    } else {
      b.storeWord(.v3, 0, .entry, function, scratch: .v0)
    }
    b.deepen(.v0, by: 1, environment)
    b.add(.v3, .immediate(8))
    b.emit(.storeRelease(ProbeAddress(.v1, ThreadContext.position), .v3))
    b.commit(entry) {
      $0.store(.v1, ThreadContext.current, .v2)
      $0.storeDepth(.v0, environment)
    }

    b.place(body)
    b.emit(.callBody)
    b.homeContext(environment)
    b.branch(.v0, .notEqual, .at(.v1, ThreadContext.threadPointer), slowExit)
    let exit = b.label()
    if environment.minimumTicks > 0, case .one(let function) = function {
      b.shortReturn(function, options, environment, long: exit, slow: slowExit)
    }
    b.place(exit)
    b.emit(.frameAddress(.v2))
    b.branch(.v2, .notEqual, .at(.v1, ThreadContext.current), slowExit)
    b.load(.v3, .v1, ThreadContext.position)
    b.branch(.v3, .aboveOrEqual, .at(.v1, ThreadContext.limit), slowExit)
    b.mirrorEntry(.v0, of: .v2)
    b.load(.v2, .v0, StackChunk.returnAddress)
    b.emit(.storeReturnAddress(.v2))
    if environment.isTimed {
      b.stampedWord(.v2, low: .immediate(0), environment, scratch: .v0)
      b.emit(.frameAddress(.v0))
      b.shiftLeft(.v0, StackChunk.mirrorShift - StackChunk.shift)
      b.add(.v0, .at(.v1, ThreadContext.windowDelta))
      b.or(.v2, .at(.v0, StackChunk.frame))
    } else {
      b.load(.v2, .v0, StackChunk.frame)
    }
    b.store(.v3, 0, .v2)
    b.load(.v2, .v0, StackChunk.enclosing)
    b.deepen(.v4, by: -1, environment)
    b.add(.v3, .immediate(8))
    b.emit(.storeRelease(ProbeAddress(.v1, ThreadContext.position), .v3))
    b.commit(exit) { $0.closeFrame(environment) }
    b.closeRoot(options)
    b.seal(environment)
    b.emit(.leave)

    b.place(tail)
    // With a depth limit the frame may be one that is not logged.
    if environment.depthLimit == nil {
      b.tailCall(function, environment, otherwise: slow)
    } else {
      b.jump(slow)
    }

    b.place(slow)
    b.number(.v0, function)
    b.emit(.frameAddress(.v2))
    b.emit(.loadReturnAddress(.v3))
    b.call(.enter)
    b.branch(.v0, .equal, .immediate(EntryVerdict.callBody.rawValue), body)
    b.branch(.v0, .equal, .immediate(EntryVerdict.passThrough.rawValue), pass)
    b.emit(.storeReturnAddress(.v3))
    b.place(pass)
    b.emit(.jumpBody)

    b.place(slowExit)
    b.emit(.frameAddress(.v2))
    b.call(.exit)
    b.emit(.storeReturnAddress(.v3))
    b.emit(.leave)
    return b.program("graph", function.role)
  }

  /// Where a frame returns to whose return needs the slow path.
  package static func slowReturn() -> ProbeProgram {
    var b = ProgramBuilder()
    b.emit(.frameAddress(.v2))
    b.call(.exit)
    b.emit(.storeReturnAddress(.v3))
    b.emit(.leave)
    return b.program("slowReturn", .returnStub)
  }
}

extension ProgramBuilder {
  /// The stores that close a frame, whose mirror entry is in v0, the enclosing frame in v2, and the depth in v4.
  fileprivate mutating func closeFrame(_ environment: ProbeEnvironment) {
    store(.v1, ThreadContext.current, .v2)
    storeDepth(.v4, environment)
    storeConstant(.v0, StackChunk.returnAddress, 0)
  }

  /// The return of a short call: takes its entry back, if that is the thread's last event, and leaves; else goes to `long`.
  ///
  /// The protocol with the reader, who reads up to what is sealed, and is not concerned by what goes on behind:
  /// 1. The position is neither sealed nor at the buffer's start, and what stands there is not known to be old, whose time can not be told
  ///    from that of a younger event.
  /// 2. The last word is the entry of this frame's function, and is younger than the minimum. (Whose frame it opened: a
  ///    frame of the same function that was left by a jump counts no more than this one.)
  /// 3. The return address goes back to the stack.
  /// 4. The position goes back by one event; the frame is closed with it, as by any return.
  ///
  /// All of it is restartable or committed: what a handler logs stands behind the entry, which then stays, or in its place.
  ///
  /// The context is in v1; changes v0, v2 and v3.
  fileprivate mutating func shortReturn(
    _ function: UInt32, _ options: StubOptions, _ environment: ProbeEnvironment, long: ProbeLabel,
    slow: ProbeLabel
  ) {
    let entry = Int32(EventWord(.entry, function: function, time: 0).rawValue)
    let begin = here()
    emit(.frameAddress(.v2))
    branch(.v2, .notEqual, .at(.v1, ThreadContext.current), slow)
    load(.v3, .v1, ThreadContext.position)
    branch(.v3, .equal, .at(.v1, ThreadContext.sealed), long)
    branch(.v3, .equal, .at(.v1, ThreadContext.aged), long)
    branch(.v3, .equal, .at(.v1, ThreadContext.bufferBase), long)
    // v0 = the entry's time, above zeros; v2 = how long ago that was
    emit(.timestamp(.v2, scratch: .v0))
    load(.v0, .v3, -8)
    arithmetic(.exclusiveOr, .v0, .immediate(entry))
    shiftLeft(.v2, UInt8(EventWord.timeShift))
    subtract(.v2, .v0)
    shiftLeft(.v0, UInt8(EventWord.timeBits))
    branch(.v0, .notEqual, .immediate(0), long)
    shiftRight(.v2, UInt8(EventWord.timeShift))
    branch(.v2, .aboveOrEqual, .immediate(environment.minimumTicks), long)
    emit(.frameAddress(.v2))
    mirrorEntry(.v0, of: .v2)
    // Entered by a tail call, the frame is of another function.
    load(.v2, .v0, StackChunk.frame)
    branch(.v2, .notEqual, .immediate(Int32(EventWord(.return, function: function, time: 0).rawValue)), long)
    load(.v2, .v0, StackChunk.returnAddress)
    emit(.storeReturnAddress(.v2))
    load(.v2, .v0, StackChunk.enclosing)
    deepen(.v4, by: -1, environment)
    subtract(.v3, .immediate(8))
    store(.v1, ThreadContext.position, .v3)
    commit(begin) { $0.closeFrame(environment) }
    closeRoot(options)
    emit(.leave)
  }

  /// A tail call from the innermost frame: the call returns where that returns to us. The frame's function changes, its
  /// return address and its place in the chain stay. Restartable up to the event; what the frame will log at its
  /// return is changed after that.
  ///
  /// The context is in v1; changes v0, v2 and v3.
  fileprivate mutating func tailCall(
    _ function: StubFunction, _ environment: ProbeEnvironment, otherwise slow: ProbeLabel
  ) {
    let begin = here()
    emit(.frameAddress(.v2))
    branch(.v2, .notEqual, .at(.v1, ThreadContext.current), slow)
    emit(.loadReturnAddress(.v3))
    constant(.v0, environment.arena.start)
    subtract(.v3, .v0)
    constant(.v0, environment.arena.count)
    branch(.v3, .aboveOrEqual, .v0, slow)
    stampedWord(.v2, low: word(.tail, function), environment, scratch: .v0)
    emit(.frameAddress(.v3))
    mirrorEntry(.v0, of: .v3)
    load(.v3, .v1, ThreadContext.position)
    branch(.v3, .aboveOrEqual, .at(.v1, ThreadContext.limit), slow)
    store(.v3, 0, .v2)
    add(.v3, .immediate(8))
    emit(.storeRelease(ProbeAddress(.v1, ThreadContext.position), .v3))
    endRestartable(begin)
    load(.v2, .v0, StackChunk.frame)
    shiftRight(.v2, StackChunk.hasOuterBit)
    shiftLeft(.v2, StackChunk.hasOuterBit)
    or(.v2, word(.return, function))
    store(.v0, StackChunk.frame, .v2)
    emit(.jumpBody)
  }

  /// Passes through what no root called. The context is in v1; changes v0, v2 and v3.
  ///
  /// A root frame that was left without returning is noticed when a frame at or above it appears on the same stack. What a
  /// root ends with by a tail call stands at its frame too, and returns to us.
  mutating func rootFilter(isRoot: Bool, pass: ProbeLabel) {
    let recorded = label()
    let unset = label()
    load(.v0, .v1, ThreadContext.rootFrame)
    emit(.frameAddress(.v2))
    branch(.v0, .equal, .immediate(0), unset)
    branch(.v2, .below, .register(.v0), recorded)
    move(.v3, .v2)
    subtract(.v3, .register(.v0))
    branch(.v3, .aboveOrEqual, .immediate(Int32(StackChunk.size)), recorded)
    if !isRoot {
      let left = label()
      branch(.v3, .notEqual, .immediate(0), left)
      emit(.loadReturnAddress(.v0))
      call(.isOurs)
      branch(.v0, .notEqual, .immediate(0), recorded)
      place(left)
      storeConstant(.v1, ThreadContext.rootFrame, 0)
    }
    place(unset)
    if isRoot {
      store(.v1, ThreadContext.rootFrame, .v2)
    } else {
      jump(pass)
    }
    place(recorded)
  }

  /// Forgets the root whose frame this is, if it is the outermost. Changes v2 and v3.
  fileprivate mutating func closeRoot(_ options: StubOptions) {
    guard options.root == .root else { return }
    let inner = label()
    emit(.frameAddress(.v2))
    load(.v3, .v1, ThreadContext.rootFrame)
    branch(.v3, .notEqual, .register(.v2), inner)
    storeConstant(.v1, ThreadContext.rootFrame, 0)
    place(inner)
  }
}
