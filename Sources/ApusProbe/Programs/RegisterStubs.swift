package import ApusCore

extension ProbeProgram {
  /// The graph level's stub on the regs path: as ``graphStub(function:options:environment:)``, but each call is logged with its
  /// register file. Entry and return go through the routines, which find everything by themselves: whoever wants registers
  /// pays for more than a few instructions.
  ///
  /// A call for whose registers there is no room is lost as a whole, and counted. Short calls are left out by the reader
  /// alone.
  ///
  /// - Parameter site: the call site's address.
  package static func graphRegistersStub(
    function: UInt32, site: Address, options: StubOptions, environment: ProbeEnvironment
  ) -> ProbeProgram {
    var b = ProgramBuilder()
    let enter = b.label()
    let body = b.label()
    let pass = b.label()
    b.writeProgramCounter(site, environment.registers)
    if options.root != .everywhere {
      b.homeContext(environment)
      b.branch(.v0, .notEqual, .at(.v1, ThreadContext.threadPointer), enter)
      b.rootFilter(isRoot: options.root == .root, pass: pass)
    }
    b.place(enter)
    b.constant(.v0, UInt64(function))
    b.emit(.frameAddress(.v2))
    b.emit(.loadReturnAddress(.v3))
    b.call(.enterRegisters)
    b.branch(.v0, .equal, .immediate(EntryVerdict.callBody.rawValue), body)
    b.branch(.v0, .equal, .immediate(EntryVerdict.passThrough.rawValue), pass)
    b.emit(.storeReturnAddress(.v3))
    b.place(pass)
    b.emit(.jumpBody)
    b.place(body)
    b.emit(.callBody)
    b.emit(.frameAddress(.v2))
    b.call(.exit)
    b.emit(.storeReturnAddress(.v3))
    b.emit(.leave)
    return b.program("graphRegisters", .stub)
  }

  /// The entry level's stub on the regs path.
  package static func entryRegistersStub(
    function: UInt32, site: Address, environment: ProbeEnvironment
  ) -> ProbeProgram {
    var b = ProgramBuilder()
    b.writeProgramCounter(site, environment.registers)
    b.constant(.v0, UInt64(function))
    b.emit(.frameAddress(.v2))
    b.call(.logEntryRegisters)
    b.emit(.jumpBody)
    return b.program("entryRegisters", .stub)
  }

  /// Gives a handler the register file of each call: the routine `handler` has its address in v0. The handler may change the
  /// program counter in it; then control goes on there instead of in the body. Other words are for looking at: what is
  /// written to them is lost.
  ///
  /// - Parameter site: the call site's address, which the program counter has at first.
  package static func handlerStub(
    site: Address, handler: ProbeSymbol, registers: RegisterRecord
  ) -> ProbeProgram {
    var b = ProgramBuilder()
    let elsewhere = b.label()
    b.writeProgramCounter(site, registers)
    b.move(.v0, .v1)
    b.emit(.call(handler))
    b.emit(.registerFile(.v1))
    b.load(.v1, .v1, Int32(registers.programCounter * 8))
    b.constant(.v0, site)
    b.branch(.v1, .notEqual, .v0, elsewhere)
    b.emit(.jumpBody)
    b.place(elsewhere)
    b.emit(.jumpAddress(.v1))
    return b.program("handler", .stub)
  }
}

extension ProgramBuilder {
  /// Completes the register file: the program counter is the call site's address. Changes v0 and v1.
  fileprivate mutating func writeProgramCounter(_ site: Address, _ registers: RegisterRecord) {
    emit(.registerFile(.v1))
    constant(.v0, site)
    store(.v1, Int32(registers.programCounter * 8), .v0)
  }

  /// Stages the register file below the frame in v5, and then v2, as the next events of the thread whose context is in v1:
  /// ``stage(_:full:)`` for several words. They stand in one piece, and the position goes up by all of them at once: a reader
  /// sees all or none, and since all of it is restartable, so does a handler.
  ///
  /// Changes v0 and v3.
  package mutating func stageRegisters(_ registers: RegisterRecord, full: ProbeLabel) {
    load(.v0, .v1, ThreadContext.position)
    move(.v3, .v0)
    add(.v3, .immediate(registers.eventBytes - 1))
    branch(.v3, .aboveOrEqual, .at(.v1, ThreadContext.limit), full)
    let halves = 2 * registers.count
    func low(_ half: Int) -> ProbeOperand {
      .immediate(Int32(EventWord.registers(0, remaining: halves - 1 - half).rawValue))
    }
    for half in stride(from: 0, to: halves, by: 2) {
      let word = Int32(half * 4) - registers.frameBytes
      load(.v3, .v5, word)
      shiftLeft(.v3, 32)
      or(.v3, low(half))
      store(.v0, Int32(half * 8), .v3)
      load(.v3, .v5, word)
      shiftRight(.v3, 32)
      shiftLeft(.v3, 32)
      or(.v3, low(half + 1))
      store(.v0, Int32(half * 8 + 8), .v3)
    }
    store(.v0, Int32(halves * 8), .v2)
    add(.v0, .immediate(registers.eventBytes))
  }

  /// There is room, but not in one piece: the places up to the buffer's end are filled with paddings. Then, or if a handler
  /// has been round the buffer meanwhile, goes to `again`. Restartable: what a handler logs stands before or behind the
  /// paddings, not among them. A forked child has no buffer (`lost`). Changes v0, v3 and v6.
  mutating func fillUp(_ size: ProbeRegister, lost: ProbeLabel, again: ProbeLabel) {
    let begin = here()
    let done = label()
    load(.v0, .v1, ThreadContext.capacity)
    branch(.v0, .equal, .immediate(0), lost)
    load(.v0, .v1, ThreadContext.position)
    emit(.loadAcquire(.v3, ProbeAddress(.v1, ThreadContext.consumed)))
    branch(.v0, .below, .v3, again)
    branch(.v3, .equal, .at(.v1, ThreadContext.bufferBase), again)
    load(.v3, .v1, ThreadContext.bufferEnd)
    move(.v6, .v3)
    subtract(.v6, .v0)
    branch(.v6, .aboveOrEqual, .register(size), again)
    let next = here()
    branch(.v0, .equal, .v3, done)
    storeConstant(.v0, 0, Int32(EventWord(.padding, payload: 0, time: 0).rawValue))
    add(.v0, .immediate(8))
    jump(next)
    place(done)
    emit(.storeRelease(ProbeAddress(.v1, ThreadContext.position), .v0))
    endRestartable(begin)
    jump(again)
  }
}
