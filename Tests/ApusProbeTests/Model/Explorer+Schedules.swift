import ApusProbe

extension Explorer {
  /// Runs the threads in random orders, with stores that wait, while the reader reads and `apus` answers now and then.
  ///
  /// - Returns: what went wrong first, or nil.
  mutating func schedule(rounds: Int) throws(ProbeFault) -> String? {
    let start = try World(setup)
    baseline = try plainRun()
    for round in 0..<rounds {
      var world = start
      world.memory.isWeak = true
      while world.failure == nil {
        let ready = world.threads.indices.filter { !world.threads[$0].isDone && !world.isWaiting($0) }
        guard !ready.isEmpty else { break }
        let thread = ready[random(ready.count)]
        for _ in 0...random(12) {
          guard !world.isWaiting(thread), world.advance(thread) else { break }
        }
        try meanwhile(&world)
      }
      if let failure = end(world) { return "order \(round): \(failure)" }
    }
    return nil
  }

  /// What others do between the turns of two threads.
  private mutating func meanwhile(_ world: inout World) throws(ProbeFault) {
    let thread = random(world.threads.count)
    switch random(6) {
    case 0:
      let waiting = world.memory.pending[thread].count
      if waiting > 0 { try world.memory.show(thread, random(waiting)) }
    case 1: world.drainStores(thread)
    case 2:
      let context = setup.scenario.contexts[thread]
      if !setup.scenario.readerIsAway, !setup.scenario.withoutContext.contains(context) {
        world.read(context)
      }
    case 3:
      if !setup.scenario.readerIsAway { world.answer() }
    default: break
    }
  }
}
