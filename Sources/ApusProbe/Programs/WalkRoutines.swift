extension Routine {
  /// The chunk table alone leads from a frame to its mirror entry, whichever thread asks and whatever its window is.
  static func findMirrorProgram(_ environment: ProbeEnvironment) -> ProbeProgram {
    var b = ProgramBuilder()
    let hit = b.label()
    let none = b.label()
    // v4 = slot, v5 = end of the search, v6 = key
    b.move(.v6, .v2)
    b.shiftRight(.v6, StackChunk.shift)
    b.homeSlot(.v4, key: .v6, environment, scratch: .v0)
    b.move(.v5, .v4)
    b.add(.v5, .immediate(Int32(StackChunk.probeLimit * StackChunk.slotStride)))
    let find = b.here()
    b.load(.v0, .v4, StackChunk.key)
    b.branch(.v0, .equal, .v6, hit)
    b.branch(.v0, .equal, .immediate(0), none)
    b.add(.v4, .immediate(Int32(StackChunk.slotStride)))
    b.branch(.v4, .below, .v5, find)
    b.place(none)
    b.constant(.v3, 0)
    b.emit(.returnFromRoutine)
    b.place(hit)
    b.shiftLeft(.v6, StackChunk.shift)
    b.mirrorDelta(.v3, slot: .v4, low: .v6, environment, scratch: .v0)
    b.addShifted(.v3, .v2, StackChunk.mirrorShift - StackChunk.shift)
    b.emit(.returnFromRoutine)
    return b.program("findMirror", .routine)
  }
}

/// Where the context of an unwinder keeps what it knows of the frame that it has come to, in bytes.
package struct UnwinderContext: Sendable, Hashable {
  /// The frame's stack pointer, which is the canonical frame address of what it had called.
  package var stackPointer: Int32
  /// Where the frame goes on.
  package var programCounter: Int32
  /// The bases of the frame's unwind table (`struct dwarf_eh_bases`).
  package var bases: Int32

  package init(stackPointer: Int32, programCounter: Int32, bases: Int32) {
    self.stackPointer = stackPointer
    self.programCounter = programCounter
    self.bases = bases
  }
}

extension ProbeProgram {
  /// For `_Unwind_Find_FDE`, by which an unwinder asks for the table of the frame that its context stands at.
  ///
  /// Its first argument is the place in the code, one byte before the return address; its second leads to the bases in the
  /// context. Where the return address is ours, all that the context has is what the frame's caller finds after the
  /// call, since a stub keeps everything: but for the address. So the caller's takes its place, in the context and
  /// in the argument, and the walk goes on as if our address had never stood on the stack. The stack itself is not changed.
  ///
  /// 1. The context must have the return address before the argument's place: a look-up for somebody else is left alone, and so
  ///    is one in the midst of our code, which a signal has interrupted.
  /// 2. The address must be ours.
  /// 3. The shadow map must have a caller for the frame at the context's stack pointer.
  package static func lookUpHook(_ context: UnwinderContext, environment: ProbeEnvironment) -> ProbeProgram {
    var b = ProgramBuilder()
    let foreign = b.label()
    b.emit(.argument(.v2, 0))
    b.emit(.argument(.v1, 1))
    b.subtract(.v1, .immediate(context.bases - context.programCounter))
    b.emit(.loadOrFault(.v0, ProbeAddress(.v1), foreign))
    b.add(.v2, .immediate(1))
    b.branch(.v0, .notEqual, .v2, foreign)
    b.call(.isOurs)
    b.branch(.v0, .equal, .immediate(0), foreign)
    b.emit(.loadOrFault(.v2, ProbeAddress(.v1, context.stackPointer - context.programCounter), foreign))
    b.move(.v4, .v1)
    b.call(.findMirror)
    b.branch(.v3, .equal, .immediate(0), foreign)
    b.load(.v3, .v3, StackChunk.returnAddress)
    b.branch(.v3, .equal, .immediate(0), foreign)
    b.store(.v4, 0, .v3)
    b.subtract(.v3, .immediate(1))
    b.emit(.setArgument(0, .v3))
    b.count(.walkedThrough, environment, scratch: .v0)
    b.place(foreign)
    b.emit(.jumpBody)
    return b.program("lookUpHook", .stub)
  }
}
