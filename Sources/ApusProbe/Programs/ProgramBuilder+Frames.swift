extension ProgramBuilder {
  /// `d` = the low bits of an event of the function in `function`.
  mutating func word(_ d: ProbeRegister, _ kind: EventWord.Kind, function: ProbeRegister) {
    move(d, function)
    shiftLeft(d, UInt8(EventWord.functionShift))
    if kind.rawValue != 0 { or(d, .immediate(Int32(kind.rawValue))) }
  }

  /// `d` = the low bits of the return event that a frame's word holds.
  mutating func returnWord(_ d: ProbeRegister, of frame: ProbeRegister) {
    move(d, frame)
    and(d, .immediate(Int32(EventWord.functionMask | EventWord.kindMask)))
  }

  /// `d` = the payload of the event whose low bits are those of `low`.
  mutating func payload(_ d: ProbeRegister, of low: ProbeRegister) {
    move(d, low)
    shiftLeft(d, UInt8(EventWord.timeBits))
    shiftRight(d, UInt8(EventWord.timeBits + EventWord.payloadShift))
  }

  /// `d` = how many traced frames are open without those whose number stands in the high half of `frames`, to be stored with `current`;
  /// nothing without a depth limit.
  mutating func depth(
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
  mutating func innermost(_ frame: ProbeRegister, otherwise: ProbeLabel) {
    load(.v0, .v1, ThreadContext.current)
    branch(.v0, .notEqual, .register(frame), otherwise)
  }

  /// The stores that note returns that could not be logged, whose number is in `returns`: nothing is logged before them.
  mutating func storeOwed(_ returns: ProbeRegister) {
    storeConstant(.v1, ThreadContext.limit, 0)
    store(.v1, ThreadContext.pendingReturns, returns)
  }

  /// The stores that close a frame; the enclosing frame is in v2, and the depth in v3.
  mutating func closeFrame(mirror: ProbeRegister, _ environment: ProbeEnvironment) {
    store(.v1, ThreadContext.current, .v2)
    storeDepth(.v3, environment)
    storeConstant(mirror, StackChunk.returnAddress, 0)
  }

  /// v0 = `current`, which the frame in v5 is about to take the place of; goes to `changed` if the window does not hold it, or frames
  /// are open below it.
  mutating func linkable(changed: ProbeLabel) {
    branch(.v5, .below, .at(.v1, ThreadContext.windowLow), changed)
    load(.v0, .v1, ThreadContext.current)
    branch(.v5, .aboveOrEqual, .v0, changed)
  }
}
