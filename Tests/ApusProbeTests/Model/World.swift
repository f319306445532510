import ApusProbe

/// The modelled process: a value, so that a copy is another future of it.
struct World: Sendable {
  let setup: Setup
  var memory = ModelMemory()
  var threads: [ModelThread] = []
  var fibres: [Fibre] = []
  var clock: UInt64 = 1000
  var tokens: UInt64 = 0
  /// What has been read, for each context.
  var streams: [[UInt64]] = [[], [], []]
  /// How often each function was called.
  var made = [Int](repeating: 0, count: ProgramSet.functions)
  /// The stack chunks that each function was called on.
  var calledOn = [Set<UInt64>](repeating: [], count: ProgramSet.functions)
  /// How many of these were too deep for the scenario's limit.
  var deep = [Int](repeating: 0, count: ProgramSet.functions)
  /// How many of them took the minimum duration or longer, by function.
  var long = [Int](repeating: 0, count: ProgramSet.functions)
  /// Calls whose stub was left by a jump out of a handler: logged or not.
  var abandoned = [Int](repeating: 0, count: ProgramSet.functions)
  /// Calls that were left by a jump or an exception.
  var left = 0
  /// Frames whose own return was seen, and whose mirror entry must therefore be empty in the end.
  var posted: UInt64 = 0
  /// Whether no call was made that the script does not make.
  var injectsNoCalls = true
  /// Whether a handler was left by a jump.
  var hasJumped = false
  var failure: String?
  /// Whether this is a forked child.
  var isChild = false
  /// What buffers and counters held when it was forked, and how many stubs the fork interrupted.
  var atFork: (totals: [UInt64], interrupted: UInt64)?
  /// What has been used as frames by traced calls.
  var steps = 0
  /// The other party of the loader's protocol.
  var apus = ModelApus()
  /// How many libraries were opened.
  var opened: UInt64 = 0
  /// Whether `apus` has died or ended the session.
  var isGone = false
  /// Whether handlers run that it does not attend to: the program must compute the right thing, and nobody reads the trace.
  var isUnattended = false

  init(_ setup: Setup) throws(ProbeFault) {
    self.setup = setup
    let scenario = setup.scenario
    memory.pendingLimit = scenario.waitingStores
    try prepareShared()
    for (index, script) in scenario.threads.enumerated() {
      threads.append(ModelThread(fibre: index, context: scenario.contexts[index]))
      var top = ModelLayout.stackTops[index + 1]
      if index == 0, let edge = scenario.edge { top = ModelLayout.edge + edge }
      fibres.append(Fibre(top: top, levels: [Activation(kind: .base, frame: top, operations: script)]))
    }
    for (index, script) in scenario.fibres.enumerated() {
      var top = ModelLayout.stackTops[scenario.threads.count + index + 1]
      if index == 0, scenario.sharesChunk { top = ModelLayout.stackTops[1] + ModelLayout.neighbour }
      fibres.append(Fibre(top: top, levels: [Activation(kind: .base, frame: top, operations: script)]))
    }
  }

  /// The alternate signal stack's top.
  var alternateTop: UInt64 { ModelLayout.stackTops[setup.scenario.alternateIsAbove ? 5 : 0] }

  private mutating func prepareShared() throws(ProbeFault) {
    let control = ModelLayout.control
    try memory.setGlobal(control + UInt64(SharedControl.owner), 77)
    for function in 0..<ProgramSet.functions {
      for (index, word) in CallSiteOps.words(function: UInt32(function)).enumerated() {
        try memory.setGlobal(ModelLayout.ops(function) + UInt64(index * 8), word)
      }
    }
    try memory.setGlobal(
      control + UInt64(SharedControl.patience),
      setup.patience)
    if let neighbour = setup.scenario.neighbour {
      try memory.setGlobal(
        ModelLayout.ring(0) - 8, EventWord(.entry, function: neighbour, time: clock).rawValue)
    }
    try prepareArenas()
    for index in Set(setup.scenario.contexts).subtracting(setup.scenario.withoutContext).sorted() {
      let context = setup.context(index)
      for place in 0..<setup.scenario.retired {
        try retire(ModelLayout.context(index) + UInt64(place * ThreadContext.stride))
      }
      func field(_ offset: Int32) -> UInt64 { context + UInt64(offset) }
      let size = UInt64(setup.scenario.ringEvents * 8)
      try memory.setGlobal(field(ThreadContext.threadPointer), ModelLayout.threadPointers[index])
      let ring = ModelLayout.ring(index)
      try memory.setGlobal(field(ThreadContext.limit), ring + size - 8)
      try memory.setGlobal(field(ThreadContext.bufferBase), ring)
      try memory.setGlobal(field(ThreadContext.bufferEnd), ring + size)
      try memory.setGlobal(field(ThreadContext.position), ring)
      try memory.setGlobal(field(ThreadContext.sealed), ring)
      try memory.setGlobal(field(ThreadContext.consumed), ring)
      try memory.setGlobal(field(ThreadContext.capacity), size)
      try memory.setGlobal(field(ThreadContext.session), 1)
      if setup.scenario.knowsOwnStack {
        let edge = index == 0 ? setup.scenario.edge : nil
        let top = edge.map { ModelLayout.edge + $0 } ?? ModelLayout.stackTops[index + 1]
        try memory.setGlobal(field(ThreadContext.home), top >> UInt64(StackChunk.shift))
      }
      if setup.scenario.owed > 0 {
        try memory.setGlobal(field(ThreadContext.pendingReturns), setup.scenario.owed)
        try memory.setGlobal(field(ThreadContext.limit), 0)
      }
      if setup.scenario.level == .count {
        try memory.setGlobal(field(ThreadContext.counters), ModelLayout.counters(index))
      }
    }
    let slots =
      setup.scenario.tableIsFull
      ? 0..<ModelLayout.chunkSlots
      : ModelLayout.homeSlot..<ModelLayout.homeSlot + setup.scenario.slotsTaken
    for slot in slots {
      try memory.setGlobal(ModelLayout.chunkTable + UInt64(slot * StackChunk.slotStride), 0xFFFF)
    }
  }

  /// A context of a thread that has ended with frames open on the stack that the first thread now has.
  private mutating func retire(_ context: UInt64) throws(ProbeFault) {
    func field(_ offset: Int32) -> UInt64 { context + UInt64(offset) }
    let top = ModelLayout.stackTops[1]
    let low = top & ~(StackChunk.size - 1)
    let slot = UInt64(ModelLayout.homeSlot)
    try memory.setGlobal(field(ThreadContext.threadPointer), 1)
    try memory.setGlobal(field(ThreadContext.windowLow), low)
    try memory.setGlobal(
      field(ThreadContext.windowDelta),
      ModelLayout.mirror &+ slot << UInt64(StackChunk.mirrorShift) &- 4 &* low)
    try memory.setGlobal(field(ThreadContext.current), top - 2 * Self.frameBytes)
    let ring = ModelLayout.ring(2)
    try memory.setGlobal(field(ThreadContext.limit), ring + 56)
    try memory.setGlobal(field(ThreadContext.capacity), 64)
    try memory.setGlobal(field(ThreadContext.bufferBase), ring)
    try memory.setGlobal(field(ThreadContext.bufferEnd), ring + 64)
    try memory.setGlobal(field(ThreadContext.position), ring)
    try memory.setGlobal(field(ThreadContext.consumed), ring)
    try memory.setGlobal(field(ThreadContext.session), 1)
    try memory.setGlobal(field(ThreadContext.counters), ModelLayout.counters(2))
  }

  /// The list of arenas, the first of which ends where the first call returns to; a forked child is given it anew with its own control page.
  mutating func prepareArenas() throws(ProbeFault) {
    let control = ModelLayout.control
    try memory.setGlobal(control + UInt64(SharedControl.arenaCount), 2)
    try memory.setGlobal(control + UInt64(SharedControl.arenas), ModelLayout.tokens + 16 - 0x1000)
    try memory.setGlobal(control + UInt64(SharedControl.arenas) + 8, 0x1000)
    try memory.setGlobal(control + UInt64(SharedControl.arenas) + 16, ModelLayout.arena)
    try memory.setGlobal(control + UInt64(SharedControl.arenas) + 24, ModelLayout.arenaSize)
  }

  /// Notes what went wrong first.
  mutating func fail(_ what: String) {
    if failure == nil { failure = what }
  }

  /// A word of a thread's context or cursor.
  mutating func field(_ context: Int, _ offset: Int32) -> UInt64 {
    do throws(ProbeFault) {
      return try memory.global(setup.context(context) + UInt64(offset))
    } catch {
      fail("the context: \(error)")
      return 0
    }
  }

  /// A slow-path counter.
  mutating func counter(_ counter: SharedControl.Counter) -> UInt64 {
    do throws(ProbeFault) {
      return try memory.global(ModelLayout.control + UInt64(counter.offset))
    } catch {
      fail("the control page: \(error)")
      return 0
    }
  }
}
