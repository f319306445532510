extension ProbeProgram {
  /// The count level's stub: one counter of this thread goes up by one.
  package static func countStub(function: StubFunction, environment: ProbeEnvironment) -> ProbeProgram {
    var b = ProgramBuilder()
    let slow = b.label()
    let pass = b.label()
    b.homeContext(environment)
    b.branch(.v0, .notEqual, .at(.v1, ThreadContext.threadPointer), slow)
    b.load(.v2, .v1, ThreadContext.counters)
    b.branch(.v2, .equal, .immediate(0), pass)
    switch function {
    case .one(let number): b.emit(.localAdd(ProbeAddress(.v2, Int32(number) * 8), .immediate(1)))
    case .many:
      b.number(.v3, function)
      b.addShifted(.v2, .v3, 3)
      b.emit(.localAdd(ProbeAddress(.v2), .immediate(1)))
    }
    b.place(pass)
    b.emit(.jumpBody)
    b.place(slow)
    b.number(.v0, function)
    b.call(.count)
    b.emit(.jumpBody)
    return b.program("count", function.role)
  }

  /// The entry level's stub: one event a call.
  package static func entryStub(function: StubFunction, environment: ProbeEnvironment) -> ProbeProgram {
    var b = ProgramBuilder()
    let slow = b.label()
    b.homeContext(environment)
    b.branch(.v0, .notEqual, .at(.v1, ThreadContext.threadPointer), slow)
    b.appendFunctionEvent(.entry, function, environment, full: slow)
    b.emit(.jumpBody)
    b.place(slow)
    b.number(.v0, function)
    b.call(.logEntry)
    b.emit(.jumpBody)
    return b.program("entry", function.role)
  }

  /// Calls a handler on the entry path: the routine `handler` finds the function in v0, the frame address in v2 and the caller's
  /// return address in v3. It sees no other register of the call; what it changes of v0 to v3 is lost.
  package static func entryHandlerStub(function: StubFunction, handler: ProbeSymbol) -> ProbeProgram {
    var b = ProgramBuilder()
    b.number(.v0, function)
    b.emit(.frameAddress(.v2))
    b.emit(.loadReturnAddress(.v3))
    b.emit(.call(handler))
    b.emit(.jumpBody)
    return b.program("entryHandler", function.role)
  }

  /// For functions that walk the stack: return addresses are put back first.
  package static func disarmHook() -> ProbeProgram {
    var b = ProgramBuilder()
    b.emit(.frameAddress(.v2))
    b.call(.disarm)
    b.emit(.jumpBody)
    return b.program("disarmHook", .stub)
  }

  /// For `_Unwind_SetIP`, whose first argument holds the frame that the unwinder is about to enter.
  ///
  /// - Parameter cfaOffset: where the unwinder's context keeps the stack pointer with which that frame goes on.
  /// - Parameter distance: from there down to the address below which frames are left (x86_64: 8, to that of the function
  ///   that it had called; elsewhere −1, since that function's frame address is the stack pointer itself).
  package static func landHook(cfaOffset: Int32, distance: Int32) -> ProbeProgram {
    var b = ProgramBuilder()
    let foreign = b.label()
    b.emit(.argument(.v2, 0))
    // A program may have a function of this name whose argument is something smaller.
    b.emit(.loadOrFault(.v2, ProbeAddress(.v2, cfaOffset), foreign))
    b.subtract(.v2, .immediate(distance))
    b.emit(.frameAddress(.v3))
    b.call(.land)
    b.place(foreign)
    b.emit(.jumpBody)
    return b.program("landHook", .stub)
  }

  /// For the last instructions of a function that walked the stack and returns: the innermost open frame is armed
  /// again.
  package static func armHook(environment: ProbeEnvironment) -> ProbeProgram {
    var b = ProgramBuilder()
    let out = b.label()
    b.call(.findContext)
    b.branch(.v1, .equal, .immediate(0), out)
    b.emit(.frameAddress(.v2))
    b.endUnwinding(at: .v2)
    b.emit(.frameAddress(.v2))
    b.constant(.v3, 1)
    b.call(.arm)
    b.place(out)
    b.emit(.jumpBody)
    return b.program("armHook", .stub)
  }

  /// For functions that ask who called them.
  package static func giveBackHook() -> ProbeProgram {
    var b = ProgramBuilder()
    b.emit(.frameAddress(.v2))
    b.emit(.loadReturnAddress(.v3))
    b.call(.giveBack)
    b.emit(.storeReturnAddress(.v3))
    b.emit(.jumpBody)
    return b.program("giveBackHook", .stub)
  }

  /// For the function that the dynamic loader calls when the set of libraries has changed.
  package static func loaderHook() -> ProbeProgram {
    var b = ProgramBuilder()
    b.call(.notifyLoader)
    b.emit(.jumpBody)
    return b.program("loaderHook", .stub)
  }

  /// For functions that end the process or make another program of it, where the tracer must read before what it has not read.
  package static func stopHook(_ reason: ProbeTrap, environment: ProbeEnvironment) -> ProbeProgram {
    var b = ProgramBuilder()
    let done = b.label()
    b.stop(reason, environment, otherwise: done)
    b.place(done)
    b.emit(.jumpBody)
    return b.program("stopHook", .stub)
  }

  /// For functions of which only the moved instructions matter.
  package static func passHook() -> ProbeProgram {
    var b = ProgramBuilder()
    b.emit(.jumpBody)
    return b.program("passHook", .stub)
  }
}
