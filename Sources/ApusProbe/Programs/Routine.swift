/// The routines that stubs share: the slow paths, one copy in each arena.
///
/// Registers v0 to v3 carry parameters and results and may be changed; v4 to v7 are kept. No routine makes a system
/// call.
package enum Routine: String, Sendable, CaseIterable {
  /// → v1: this thread's context, or 0.
  case findContext
  /// v0: an address → v0: 1 if it is in an arena. Keeps v1 and v2.
  case isOurs
  /// v0: an event word without its time, v1: context → v0: 1 if logged, 0 if lost. Keeps v1.
  case log
  /// v0: bytes of events that found no room, v1: context → v0: 1 if there is room now, 0 if they are lost. Keeps v1 and v2.
  case room
  /// v1: context; logs which stack chunk the thread's window is, or sees to it that it comes before the next event. Keeps v1.
  case logStack
  /// v1: context, v2: a frame → v0: 1 if the thread's window now holds the frame. Keeps v1 and v2.
  case switchWindow
  /// v0: a stack chunk's slot, v1: context → that chunk is the thread's window. Keeps v1.
  case setWindow
  /// v1: context, v2: an address → open frames below it were left without returning; v3: the window (as in
  /// ``StackChunk/outerSlot``) that the last of them that changed the window would have changed back to, or 0. Keeps v1.
  case leaveFrames
  /// v1: context, v2: an address on this stack, v3: not 0 after an unwinder's work → the open frames return to us again
  /// whose return addresses were put back. Keeps v1.
  case arm
  /// v0: function, v2: frame, v3: return address → v0: an ``EntryVerdict``; v3: what to return to.
  case enter
  /// Like ``log``, but an entry or a tail call together with the register file. v2: frame.
  case logRegisters
  /// Like ``enter``, on the regs path.
  case enterRegisters
  /// Like ``logEntry``, on the regs path. v2: frame.
  case logEntryRegisters
  /// v2: frame → v3: the caller's return address; the return is logged.
  case exit
  /// v0: function; logs the entry (entry level) or counts it as lost.
  case logEntry
  /// v0: function; counts the call where the fast path could not (count level).
  case count
  /// v2: the frame of a function that is about to walk the stack → all caller return addresses are back where they belong.
  case disarm
  /// v2: a frame → v3: its mirror entry, or 0 if its stack chunk has no slot. Keeps v2.
  case findMirror
  /// v2: an unwinder, whose own frame is in v3, lands above this address: closes the frames below, arms the innermost that is
  /// left (where return addresses are put back).
  case land
  /// v2: frame, v3: return address → v3: the real return address, the frame's call having ended.
  case giveBack
  /// Tells `apus` that the set of loaded libraries changed, and waits for its answer.
  case notifyLoader

  /// The name that programs call it by.
  package var symbol: ProbeSymbol { ProbeSymbol(rawValue: rawValue) }

  /// The routine's program for one session.
  package func program(_ environment: ProbeEnvironment) -> ProbeProgram {
    switch self {
    case .findContext: Self.findContextProgram(environment)
    case .isOurs: Self.isOursProgram(environment)
    case .log: Self.logProgram(environment)
    case .room: Self.roomProgram(environment)
    case .logRegisters: Self.logProgram(environment, .logRegisters)
    case .enterRegisters: Self.enterProgram(environment, .enterRegisters)
    case .logEntryRegisters: Self.logEntryProgram(environment, .logEntryRegisters)
    case .logStack: Self.logStackProgram(environment)
    case .switchWindow: Self.switchWindowProgram(environment)
    case .setWindow: Self.setWindowProgram(environment)
    case .leaveFrames: Self.leaveFramesProgram(environment)
    case .arm: Self.armProgram(environment)
    case .enter: Self.enterProgram(environment)
    case .exit: Self.exitProgram(environment)
    case .logEntry: Self.logEntryProgram(environment)
    case .count: Self.countProgram(environment)
    case .disarm: Self.disarmProgram(environment)
    case .findMirror: Self.findMirrorProgram(environment)
    case .land: Self.landProgram(environment)
    case .giveBack: Self.giveBackProgram(environment)
    case .notifyLoader: Self.notifyLoaderProgram(environment)
    }
  }
}

/// What the slow entry path decided.
package enum EntryVerdict: Int32, Sendable {
  /// Go on with the body, untouched.
  case passThrough = 0
  /// The call is recorded: call the body.
  case callBody = 1
  /// The call is recorded: the body is to return to the address in v3.
  case returnSlowly = 2
}
