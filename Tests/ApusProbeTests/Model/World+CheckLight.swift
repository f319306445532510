import ApusProbe

extension World {
  /// Count level: every call was counted once, in its thread's counters, or without a context in the shared ones.
  mutating func checkCounters(_ result: inout Baseline) {
    let scenario = setup.scenario
    var counts = [UInt64](repeating: 0, count: ProgramSet.functions)
    for context in Set(scenario.contexts).subtracting(scenario.withoutContext).sorted() {
      let own = words(ModelLayout.counters(context))
      for (function, count) in own.enumerated() { counts[function] &+= count }
      // Handlers call the others.
      result.own.append(StreamDecoder.ownFunctions.map { own[Int($0)] })
    }
    let shared = words(ModelLayout.sharedCounts)
    for (function, count) in shared.enumerated() {
      counts[function] &+= count
      if count != 0, scenario.withoutContext.isEmpty {
        fail("function \(function) is counted for all threads")
      }
    }
    for (function, count) in counts.enumerated() {
      let calls = UInt64(made[function])
      if count > calls || count &+ UInt64(abandoned[function]) < calls {
        fail("function \(function): \(calls) calls, \(count) counted")
      }
    }
  }

  /// Each opened library was asked for once.
  mutating func checkLoader() {
    let requests = words(ModelLayout.control + UInt64(SharedControl.loaderRequests))[0]
    if requests > opened || requests < opened && !hasJumped {
      fail("\(opened) libraries were opened, \(requests) requests made")
    }
  }

  /// A forked child leaves alone what its parent counts and reads, but for one store of each stub that the fork interrupted,
  /// or those of one register file. (More than that nobody reads: where there is a tracer, there is no such store.)
  mutating func checkChild() {
    guard let before = atFork, setup.scenario.withoutContext.isEmpty else { return }
    let after = sharedTotals()
    let stores = setup.scenario.recordsRegisters ? UInt64(ModelLayout.registers.eventBytes / 8) : 1
    for (old, new) in zip(before.totals, after) where new > old &+ before.interrupted &* stores {
      fail("a forked child logs, counts or loses calls: \(old), then \(new)")
    }
  }

  /// Words in buffers, counted calls, lost calls.
  mutating func sharedTotals() -> [UInt64] {
    let rings = memory.nonZero(in: ModelLayout.rings..<ModelLayout.counters).count
    func sum(_ start: UInt64, _ end: UInt64) -> UInt64 {
      memory.nonZero(in: start..<end).reduce(0) { $0 &+ $1.value }
    }
    return [
      UInt64(rings), sum(ModelLayout.counters, ModelLayout.sharedEnd),
      sum(ModelLayout.lostCalls, ModelLayout.rings),
    ]
  }

  /// One word for each function.
  private mutating func words(_ start: UInt64) -> [UInt64] {
    var result: [UInt64] = []
    for function in 0..<ProgramSet.functions {
      do throws(ProbeFault) {
        result.append(try memory.global(start + UInt64(function * 8)))
      } catch {
        fail("a table: \(error)")
        result.append(0)
      }
    }
    return result
  }
}
