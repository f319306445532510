import ApusProbe

extension World {
  /// What a run without injections came to, to compare with.
  struct Baseline: Sendable, Hashable {
    var own: [[UInt64]] = []
    var left = 0
    /// The slow-path counters that are the same in every order of things.
    var counters: [UInt64] = []
    /// How long writers waited, and whether they gave up.
    var waits: [UInt64] = []
  }

  /// Runs all threads to their ends.
  mutating func finish() {
    while failure == nil {
      var moved = false
      for thread in threads.indices {
        while true {
          let progress = step(thread)
          guard progress == .ran else { break }
          moved = true
        }
      }
      if !moved { break }
    }
    if failure == nil, let thread = threads.firstIndex(where: { !$0.isDone }) {
      fail("thread \(thread) is stuck")
    }
    for thread in threads.indices { drainStores(thread) }
  }

  /// Whether every call of this run ended with its own return.
  private var isClosed: Bool { setup.scenario.leavesNothing && left == 0 }

  /// Whether who finds no room waits, and gets it.
  private var isLossless: Bool {
    let scenario = setup.scenario
    return scenario.waits && scenario.isExact && !scenario.tableIsFull && !scenario.readerIsAway && !isGone
      && scenario.withoutContext.isEmpty
  }

  /// Reads what is left and judges the whole run.
  mutating func check(_ baseline: Baseline?) -> Baseline {
    var result = Baseline(left: left)
    if isChild { checkChild() }
    if failure != nil || isChild || isUnattended { return result }
    checkLoader()
    if setup.scenario.level == .count {
      checkCounters(&result)
      compare(&result, baseline)
      return result
    }
    var entries = [Int](repeating: 0, count: ProgramSet.functions)
    var unwound: UInt64 = 0
    var gaps: UInt64 = 0
    var owed: UInt64 = 0
    let scenario = setup.scenario
    let chunks = scenario.level == .graph && scenario.isExact ? chunkSlots() : nil
    for context in Set(scenario.contexts).subtracting(scenario.withoutContext).sorted() {
      read(context, isOver: true)
      let decoded = StreamDecoder(
        streams[context], level: scenario.level, isExact: scenario.isExact,
        closesWhatIsOpen: scenario.isExact, isTimed: scenario.timed, checksTime: baseline == nil,
        mayStayOpen: isClosed || scenario.endsClosed
          ? Int(truncatingIfNeeded: field(context, ThreadContext.pendingReturns)) : nil,
        recordsRegisters: scenario.recordsRegisters, chunks: chunks)
      if let failure = decoded.failure { fail("stream \(context): \(failure)") }
      for (function, count) in decoded.entries.enumerated() { entries[function] += count }
      unwound += decoded.unwound
      gaps += decoded.gaps
      owed &+= field(context, ThreadContext.pendingReturns)
      result.own.append(decoded.own)
      if field(context, ThreadContext.consumed) != field(context, ThreadContext.position) {
        fail("events of context \(context) are stuck")
      }
      checkContext(context)
    }
    checkCounts(entries)
    if isLossless, scenario.owed == 0, gaps != 0 { fail("\(gaps) returns were owed though nothing is lost") }
    if scenario.owed > 0, gaps != scenario.owed {
      fail("\(scenario.owed) returns were owed, gaps say \(gaps)")
    }
    // (A statistic: it is counted behind the event.)
    if gaps == 0, owed == 0, abandoned.allSatisfy({ $0 == 0 }), counter(.unwound) != unwound {
      fail("\(unwound) frames unwound, but \(counter(.unwound)) counted")
    }
    if scenario.isExact, counter(.unmatchedReturns) != 0 { fail("an unmatched return") }
    if isClosed { checkClosed() }
    compare(&result, baseline)
    return result
  }

  /// The slots of the stacks that each function was called on.
  private mutating func chunkSlots() -> [Set<UInt64>]? {
    var slots: [UInt64: UInt64] = [:]
    for slot in 0..<ModelLayout.chunkSlots {
      do throws(ProbeFault) {
        slots[try memory.global(ModelLayout.chunkTable + UInt64(slot * StackChunk.slotStride))] = UInt64(slot)
      } catch { fail("the chunk table: \(error)") }
    }
    return calledOn.map { Set($0.compactMap { slots[$0] }) }
  }

  /// Compares with a run in which nothing was injected.
  private mutating func compare(_ result: inout Baseline, _ baseline: Baseline?) {
    let scenario = setup.scenario
    let counted: [SharedControl.Counter] = [
      .unmatchedReturns, .unwound, .rearmed, .stackFull, .noContext, .stackSwitches, .unwinderCalls,
    ]
    for kind in counted { result.counters.append(counter(kind)) }
    result.waits = [counter(.waits), counter(.gaveUp)]
    guard let baseline else { return }
    if injectsNoCalls, !isGone, result.counters != baseline.counters {
      fail("counted \(result.counters) instead of \(baseline.counters)")
    }
    if left == baseline.left, !hasJumped, scenario.isExact, scenario.waits, !isGone,
      !scenario.readerIsAway, scenario.isComplete,
      result.own != baseline.own
    {
      fail("the script's own events are others")
    }
  }

  private mutating func checkContext(_ context: Int) {
    if setup.scenario.depthLimit != nil, setup.scenario.endsClosed, field(context, ThreadContext.depth) != 0 {
      fail(
        "context \(context): a depth of \(Int64(bitPattern: field(context, ThreadContext.depth))) in the end")
    }
    guard isClosed, setup.scenario.level == .graph else { return }
    let slot = field(context, ThreadContext.windowSlot)
    let end = field(context, ThreadContext.windowLow) &+ StackChunk.size
    if slot != 0, setup.scenario.isExact, field(context, ThreadContext.current) != end {
      fail("context \(context): a frame is open in the end")
    }
    if setup.scenario.depthLimit != nil, field(context, ThreadContext.depth) != 0 {
      fail("context \(context): the depth is \(field(context, ThreadContext.depth)) in the end")
    }
    if field(context, ThreadContext.rootFrame) != 0 { fail("context \(context): a root is open in the end") }
  }

  /// Recorded and lost calls together are the calls that were made.
  private mutating func checkCounts(_ entries: [Int]) {
    for function in 0..<ProgramSet.functions {
      let lost: UInt64
      do throws(ProbeFault) {
        lost = try memory.global(ModelLayout.lostCalls + UInt64(function * 8))
      } catch { return fail("lost calls: \(error)") }
      let known = entries[function] &+ Int(truncatingIfNeeded: lost)
      if known < long[function] {
        fail("function \(function): \(long[function]) calls were long, \(known) are known")
      }
      if known > made[function]
        || setup.scenario.isComplete(function) && known + abandoned[function] < made[function]
      {
        fail("function \(function): \(made[function]) calls, \(entries[function]) recorded, \(lost) lost")
      }
      if setup.scenario.shallow.contains(function), known + abandoned[function] < made[function] {
        fail("function \(function): \(made[function]) calls, none too deep, \(known) recorded or lost")
      }
      if setup.scenario.tooDeep.contains(function), known != 0 {
        fail("function \(function): too deep, \(known) recorded or lost")
      }
      if setup.scenario.depthIsExact, injectsNoCalls, known != made[function] - deep[function] {
        fail(
          "function \(function): \(made[function]) calls, \(deep[function]) too deep, \(known) recorded or lost"
        )
      }
      if isLossless, lost != 0 {
        fail("function \(function): \(lost) calls are lost")
      }
    }
  }

  /// Nothing is open anywhere.
  private mutating func checkClosed() {
    let mirrors = ModelLayout.mirror..<ModelLayout.mirror + 1 << 32
    for word in memory.nonZero(in: mirrors) where word.address % 64 == 32 {
      fail("a return address is left in the mirror at 0x\(String(word.address, radix: 16))")
    }
    guard setup.scenario.isExact, !setup.scenario.tableIsFull else { return }
    let windows = setup.scenario.contexts.map { field($0, ThreadContext.windowSlot) }
    for slot in 0..<ModelLayout.chunkSlots {
      let address = ModelLayout.chunkTable + UInt64(slot * StackChunk.slotStride)
      do throws(ProbeFault) {
        let current = try memory.global(address + UInt64(StackChunk.current))
        let end = (try memory.global(address) &+ 1) << UInt64(StackChunk.shift)
        if current != 0, current != end, !windows.contains(address) {
          fail("chunk \(slot): a frame is open in the end")
        }
      } catch { fail("the chunk table: \(error)") }
    }
  }
}

extension Scenario {
  /// Whether every call of a function is to be recorded or counted as lost.
  func isComplete(_ function: Int) -> Bool {
    guard depthLimit == nil, minimumTicks == 0 else { return false }
    guard let options = options[function] else { return true }
    return options.root == .everywhere
  }

  /// Whether that is so of all functions.
  var isComplete: Bool { (0..<ProgramSet.functions).allSatisfy(isComplete) }
}
