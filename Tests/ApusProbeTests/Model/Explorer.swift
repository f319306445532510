import ApusProbe

/// Runs a scenario with an injection at every boundary between operations.
struct Explorer {
  let setup: Setup
  /// How many whole runs were made.
  var runs = 0
  private var seed: UInt64 = 0x1234_5678_9ABC_DEF1
  var baseline = World.Baseline()
  private let reference: World.Baseline?

  /// - Parameter reference: what the scenario comes to when nothing is injected; by default as these programs have it.
  init(_ scenario: Scenario, _ programs: ProgramSet, reference: World.Baseline? = nil) throws {
    setup = try Setup(scenario, programs)
    self.reference = reference
  }

  /// What the scenario comes to when nothing is injected.
  func plainRun() throws(ProbeFault) -> World.Baseline {
    var plain = try World(setup)
    plain.finish()
    return plain.check(nil)
  }

  /// - Returns: what went wrong first, or nil.
  mutating func explore() throws(ProbeFault) -> String? {
    let start = try World(setup)
    var plain = start
    plain.finish()
    baseline = plain.check(nil)
    runs += 1
    if let reference {
      if plain.failure == nil, baseline != reference { return "nothing injected: not as expected" }
      baseline = reference
    }
    if let failure = plain.failure { return "nothing injected: \(failure)" }
    for (index, injection) in setup.scenario.injections.enumerated() {
      var world = start
      world.memory.isWeak = injection.isWeak
      var boundary = 0
      while world.advance(0) {
        boundary += 1
        if boundary % setup.scenario.stride != 0, !world.isWaiting(0) { continue }
        if setup.scenario.isBeforeWindows {
          var settled = world
          settled.settle(0, world.threads[0].fibre)
          if settled.field(setup.scenario.contexts[0], ThreadContext.current) != 0 { break }
        }
        if let failure = try branch(world, injection, pairs: setup.scenario.pairs) {
          let place = world.description(0)
          return "injection \(index) at boundary \(boundary) (\(place)): \(failure)"
        }
        // The others catch up when the first thread waits for them.
        if world.isWaiting(0) {
          for thread in world.threads.indices.dropFirst() { world.run(thread) }
          if world.isWaiting(0) { return "boundary \(boundary): the first thread waits for ever" }
        }
      }
    }
    return nil
  }

  mutating func random(_ limit: Int) -> Int {
    seed ^= seed << 13
    seed ^= seed >> 7
    seed ^= seed << 17
    return Int(seed >> 33) % max(limit, 1)
  }

  mutating func end(_ world: World) -> String? {
    var world = world
    world.finish()
    _ = world.check(baseline)
    runs += 1
    return world.failure
  }

  /// Every way in which the injection can come here.
  private mutating func branch(
    _ world: World, _ injection: Injection, pairs: Int
  ) throws(ProbeFault) -> String? {
    switch injection {
    case .handler(let operations), .alternate(let operations):
      var copy = world
      var onAlternate = false
      if case .alternate = injection { onAlternate = true }
      guard copy.signal(0, operations, onAlternate: onAlternate) else { return nil }
      if let failure = end(copy) { return failure }
      // An unwinder in a handler that has interrupted another one is not interrupted in turn: its frames could be armed.
      let others = setup.scenario.injections.filter { !$0.unwinds }
      for _ in 0..<(others.isEmpty || injection.unwinds ? 0 : pairs) {
        var again = copy
        for _ in 0...random(60) where again.advance(0) {}
        let other = others[random(others.count)]
        if let failure = try branch(again, other, pairs: 0) { return "and then: \(failure)" }
      }
    case .fork(let severed): return try fork(world, severed)
    case .handlerThenFork(let operations):
      var copy = world
      guard copy.signal(0, operations, onAlternate: true) else { return nil }
      let level = copy.fibres[copy.threads[0].fibre].levels.count
      while copy.fibres[copy.threads[0].fibre].levels.count >= level, copy.step(0, toBoundary: true) == .ran {
      }
      return try fork(copy, true)
    case .secondThread:
      return try weakly(world) { $0.run(1) }
    case .reader:
      return try weakly(world) { $0.read(0) }
    case .earlyReader:
      var copy = world
      copy.drainStores(0)
      copy.readEarly(0)
      while copy.memory.early != nil, !copy.memory.earlyIsDue, copy.advance(0) {}
      copy.drainStores(0)
      copy.finishEarlyRead(0)
      return end(copy)
    case .apus(let steps):
      return try weakly(world) { for _ in 0..<steps { $0.answer() } }
    case .earlyAnswer:
      var copy = world
      copy.drainStores(0)
      guard copy.answerEarly() else { return nil }
      while !copy.memory.earlyIsDue, !copy.isWaiting(0), copy.advance(0) {}
      copy.finishEarlyAnswer()
      return end(copy)
    case .death, .ending:
      var copy = world
      if case .death = injection { copy.go(died: true) } else { copy.go(died: false) }
      return end(copy)
    case .unattended(let operations, let alternate):
      var copy = world
      copy.go(died: true)
      copy.isUnattended = true
      guard copy.signal(0, operations, onAlternate: alternate) else { return nil }
      return end(copy)
    case .inChild(let operations, let alternate, let boundaries):
      var child = world
      try child.fork(true)
      child.isUnattended = true
      for _ in 0..<boundaries where child.advance(0) {
        var copy = child
        guard copy.signal(0, operations, onAlternate: alternate) else { continue }
        if let failure = end(copy) { return "in the child (\(child.description(0))): \(failure)" }
      }
    case .within(let operations, let alternate, let second):
      return try pair(world, operations, alternate, second, behind: nil)
    case .behind(let operations, let alternate, let second, let boundaries):
      return try pair(world, operations, alternate, second, behind: boundaries)
    }
    return nil
  }

  /// Every way in which something else can come in a handler, or so many boundaries behind it.
  private mutating func pair(
    _ world: World, _ operations: [Op], _ alternate: Bool, _ second: Injection, behind: Int?
  ) throws(ProbeFault) -> String? {
    var copy = world
    guard copy.signal(0, operations, onAlternate: alternate) else { return nil }
    let fibre = copy.threads[0].fibre
    let level = copy.fibres[fibre].levels.count
    var left = behind ?? 0
    while left >= 0 {
      let isOver = copy.fibres[fibre].levels.count < level
      if isOver, behind == nil { break }
      if isOver || behind == nil, let failure = try branch(copy, second, pairs: 0) {
        return "and then (\(copy.description(0))): \(failure)"
      }
      guard copy.advance(0) else { break }
      if isOver { left -= 1 }
    }
    return nil
  }

  /// Lets someone look while some of the first thread's stores are visible and others are not.
  private mutating func weakly(_ world: World, _ look: (inout World) -> Void) throws(ProbeFault) -> String? {
    let waiting = world.memory.pending[0].count
    // -1: none; 0 ..< n: this one alone; n ..< 2 n: all but this one; 2 n: all
    for choice in -1...max(2 * waiting, 0) {
      var copy = world
      if choice == 2 * waiting {
        copy.drainStores(0)
      } else if choice >= waiting {
        try copy.memory.drain(0, except: choice - waiting)
      } else if choice >= 0 {
        try copy.memory.show(0, choice)
      }
      look(&copy)
      if let failure = end(copy) { return "choice \(choice) of \(waiting): \(failure)" }
    }
    return nil
  }

  private mutating func fork(_ world: World, _ severed: Bool) throws(ProbeFault) -> String? {
    var child = world
    try child.fork(severed)
    if let failure = end(child) { return "the child: \(failure)" }
    return end(world)
  }
}

extension Injection {
  /// Whether others look at memory while the first thread runs.
  var isWeak: Bool {
    switch self {
    case .secondThread, .reader, .apus: true
    case .within(_, _, let second), .behind(_, _, let second, _): second.isWeak
    default: false
    }
  }
}

extension World {
  /// Runs a thread until it is done or waits.
  mutating func run(_ thread: Int) {
    while step(thread) == .ran {}
  }

  func isWaiting(_ thread: Int) -> Bool {
    let fibre = threads[thread].fibre
    guard let level = fibres[fibre].levels.last, level.interpreter == nil,
      level.place < level.operations.count,
      case .await(let flag) = level.operations[level.place]
    else { return false }
    return posted & (1 << UInt64(flag)) == 0
  }

  /// Runs a thread to its next boundary, where something that comes between can make a difference: before an access to
  /// memory, or between operations of the script. False when it is done; true without a step when it waits.
  mutating func advance(_ thread: Int) -> Bool {
    switch step(thread, toBoundary: true) {
    case .done: false
    case .waits: threads.count > 1 && failure == nil
    case .ran: failure == nil
    }
  }

  /// Starts a signal handler; false where the handler's jump has nowhere to go.
  mutating func signal(_ thread: Int, _ operations: [Op], onAlternate: Bool) -> Bool {
    let fibre = threads[thread].fibre
    guard let top = fibres[fibre].levels.last, !threads[thread].isDone else { return false }
    for mark in operations.jumps where !fibres[fibre].levels.contains(where: { $0.mark == mark }) {
      return false
    }
    var frame = top.frame - 192
    let alternate = alternateTop - ModelLayout.stackSize..<alternateTop + 8
    if onAlternate, !fibres[fibre].levels.contains(where: { alternate.contains($0.frame) }) {
      frame = alternateTop
    }
    if !isUnattended { settle(thread, fibre) }
    drainStores(thread)
    injectsNoCalls = false
    fibres[fibre].levels.append(Activation(kind: .handler, frame: frame, operations: operations))
    return true
  }

  /// The tracer's part when a signal is delivered: restartable instructions begin anew after the handler, committed ones are
  /// done first.
  fileprivate mutating func settle(_ thread: Int, _ fibre: Int) {
    guard !fibres[fibre].levels.isEmpty else { return }
    memory.active = thread
    fibres[fibre].levels[fibres[fibre].levels.count - 1].interpreter?.settle(&memory)
  }

  /// Makes this world the child of a fork: only the first thread goes on, and cursors read as zero.
  /// It is a handler that forks: while there is a tracer, it has been delivered as all others.
  mutating func fork(_ severed: Bool) throws(ProbeFault) {
    isChild = true
    if severed { settle(0, threads[0].fibre) }
    drainStores(0)
    for thread in threads.indices.dropFirst() { threads[thread].isDone = true }
    posted = .max
    let cursors = ModelLayout.contexts + UInt64(ThreadContext.contextBytes)
    try memory.wipe(cursors..<ModelLayout.contexts + UInt64(ThreadContext.privateBytes))
    if severed {
      // All but the control page.
      try memory.wipe(ModelLayout.control + UInt64(SharedControl.size)..<ModelLayout.sharedEnd)
      let index = setup.scenario.contexts[0]
      try memory.setGlobal(setup.context(index) + UInt64(ThreadContext.position), ModelLayout.ring(index))
    }
    let interrupted = fibres.reduce(0) { $0 + $1.levels.count { $0.interpreter != nil } }
    atFork = (sharedTotals(), UInt64(interrupted))
  }

  /// Where a thread stands.
  func description(_ thread: Int) -> String {
    let fibre = threads[thread].fibre
    guard let level = fibres[fibre].levels.last else { return "nowhere" }
    guard let machine = level.interpreter else { return "in the body of \(level.function)" }
    let name = setup.linked.programs[machine.place.program.index].name
    return "\(name) \(machine.place.index): \(machine.next.map { "\($0)" } ?? "end")"
  }
}

extension ProbeInstruction {
  /// Whether it touches memory, reads the clock, or changes who runs.
  var isVisible: Bool {
    switch self {
    case .label, .restartable, .committed, .constant, .move, .shiftLeft, .shiftRight, .addShifted, .jump,
      .threadPointer,
      .pause, .prefetchForStore,
      .frameAddress, .argument, .registerFile, .siteOps,
      .call, .returnFromRoutine:
      false
    case .arithmetic(_, _, let operand), .branch(_, _, let operand, _):
      if case .memory = operand { true } else { false }
    default: true
    }
  }
}
