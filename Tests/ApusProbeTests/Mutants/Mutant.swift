import ApusProbe

/// A program with one operation that matters removed, weakened, or swapped with the next one, or with one branch changed.
struct Mutant: Sendable {
  /// What was done; unique in the program, and the same for all variants of it.
  var name: String
  /// The instructions that are others, or are gone.
  var place: Range<Int>
  /// What stands there instead.
  var replacement: [ProbeInstruction]

  /// The program with the change.
  func applied(to program: ProbeProgram) -> ProbeProgram {
    var copy = program
    copy.instructions.replaceSubrange(place, with: replacement)
    return copy
  }

  /// All mutants of a program.
  ///
  /// - Parameters:
  ///   - function: whose stub it is; its words and its counter have the same names in every function's stub.
  ///   - branches: whether branches are changed.
  static func all(of program: ProbeProgram, function: Int? = nil, branches: Bool) -> [Mutant] {
    var result: [Mutant] = []
    var seen: [String: Int] = [:]
    let short = shortReturn(of: program)
    func add(_ what: String, _ place: Range<Int>, _ replacement: [ProbeInstruction]) {
      var what = function.map { ProbeInstruction.generalized(what, function: $0) } ?? what
      if short.contains(place.lowerBound) { what = "short return: " + what }
      let count = (seen[what] ?? 0) + 1
      seen[what] = count
      let name = count == 1 ? what : "\(what) (\(count))"
      result.append(Mutant(name: name, place: place, replacement: replacement))
    }
    let code = program.instructions
    for (index, instruction) in code.enumerated() {
      let place = index..<index + 1
      if instruction.isRemovable {
        // A range is known by its last instruction.
        var what = instruction.summary
        if case .restartable = instruction {
          let last = code[..<index].last { if case .label = $0 { false } else { true } }
          what += " to " + (last?.summary ?? "")
        }
        add("remove \(what)", place, [])
      }
      if let weaker = instruction.weaker { add("weaken \(instruction.summary)", place, weaker) }
      if let next = swapPartner(index, code) {
        add(
          "swap \(instruction.summary) and \(code[next].summary)", index..<next + 1,
          [code[next]] + code[index..<next])
      }
      for change in branches ? instruction.branchChanges(spare: ProbeLabel(rawValue: -1)) : [] {
        add("\(change.name) \(instruction.summary)", place, change.instructions)
      }
    }
    return result
  }

  /// Where a stub takes short calls back: from its look at the context after the body to the first way out, if there are two. What
  /// stands around it has the same names with and without.
  private static func shortReturn(of program: ProbeProgram) -> Range<Int> {
    let code = program.instructions
    let ways = code.indices.filter { code[$0] == .leave }
    guard let body = code.firstIndex(of: .callBody), ways.count > 2,
      let look = code[body...].firstIndex(where: { if case .branch = $0 { true } else { false } })
    else { return 0..<0 }
    return look + 1..<ways[0]
  }

  /// The next access to memory, if it may stand before this one as far as registers and control go.
  private static func swapPartner(_ index: Int, _ code: [ProbeInstruction]) -> Int? {
    guard code[index].isOrdered else { return nil }
    for next in (index + 1)..<code.count {
      let candidate = code[next]
      guard candidate.isStraight else { return nil }
      guard candidate.isOrdered else { continue }
      guard candidate.isStore || code[index].isStore else { return nil }
      let effect = candidate.effect
      for between in index..<next {
        let other = code[between].effect
        let changed = other.writes.union(other.spoils)
        let set = effect.writes.union(effect.spoils)
        if !effect.reads.isDisjoint(with: changed) || !set.isDisjoint(with: other.reads.union(changed)) {
          return nil
        }
      }
      return next
    }
    return nil
  }
}

extension ProbeInstruction {
  /// Whether control only goes on to the next instruction.
  var isStraight: Bool {
    switch self {
    case .label, .call, .callBody, .branch, .localCompareExchange, .atomicCompareExchange, .loadOrFault,
      .storeOrFault,
      .restartable:
      false
    default: !endsPath
    }
  }

  var isStore: Bool {
    switch self {
    case .store, .storeConstant, .storeRelease, .storeReturnAddress, .localAdd: true
    default: false
    }
  }

  /// Whether it touches memory whose order may matter. (Counters of what happened are not of that kind.)
  var isOrdered: Bool {
    switch self {
    case .load, .loadAcquire, .loadReturnAddress: true
    case .arithmetic(_, _, .memory): true
    default: isStore
    }
  }

  var isRemovable: Bool {
    switch self {
    case .atomicAdd, .localCompareExchange, .atomicCompareExchange, .storeOrFault, .restartable, .committed,
      .trap:
      true
    case .call(let symbol):
      [Routine.arm, .log, .logStack, .leaveFrames, .disarm, .land, .giveBack, .notifyLoader].contains {
        $0.symbol == symbol
      }
    default: isStore
    }
  }

  /// A form of it that orders less, or is several operations.
  var weaker: [ProbeInstruction]? {
    switch self {
    case .localCompareExchange(let place, let expected, let desired, let otherwise),
      .atomicCompareExchange(let place, let expected, let desired, let otherwise):
      [.branch(.notEqual, expected, .memory(place), otherwise), .store(place, desired, .eight)]
    case .atomicAdd(let place, let operand): [.localAdd(place, operand)]
    case .loadAcquire(let register, let place): [.load(register, place, .eight)]
    case .storeRelease(let place, let register): [.store(place, register, .eight)]
    default: nil
    }
  }

  /// What it does, in few words.
  var summary: String {
    switch self {
    case .load(let register, let place, _): "\(register) = \(place.summary)"
    case .loadAcquire(let register, let place): "\(register) = acquire \(place.summary)"
    case .store(let place, let register, _): "\(place.summary) = \(register)"
    case .storeRelease(let place, let register): "\(place.summary) = release \(register)"
    case .storeConstant(let place, let value): "\(place.summary) = \(value)"
    case .arithmetic(let operation, let register, let operand): "\(register) \(operation) \(operand.summary)"
    case .localAdd(let place, _): "\(place.summary) += local"
    case .atomicAdd(let place, _): "\(place.summary) += atomic"
    case .localCompareExchange(let place, _, let desired, _): "\(place.summary) = local exchange \(desired)"
    case .atomicCompareExchange(let place, _, let desired, _): "\(place.summary) = atomic exchange \(desired)"
    case .storeOrFault(let place, let register, _): "\(place.summary) = \(register) or fault"
    case .loadReturnAddress(let register): "\(register) = return address"
    case .storeReturnAddress(let register): "return address = \(register)"
    case .call(let symbol): "call \(symbol.rawValue)"
    case .restartable: "restartable"
    case .committed: "committed"
    case .branch(let condition, let left, let right, _): "if \(left) \(condition.summary) \(right.summary)"
    default: "\(self)"
    }
  }
}

extension ProbeAddress {
  private static let names: [Int32: String] = [
    ThreadContext.windowLow: "low", ThreadContext.windowDelta: "delta", ThreadContext.current: "current",
    ThreadContext.windowSlot: "slot", ThreadContext.disarmed: "disarmed", ThreadContext.depth: "depth",
    ThreadContext.rootFrame: "root", ThreadContext.bufferBase: "base", ThreadContext.bufferEnd: "end",
    ThreadContext.unwinding: "unwinding", ThreadContext.searches: "searches",
    ThreadContext.windowChanges: "changes",
    ThreadContext.position: "position", ThreadContext.sealed: "sealed", ThreadContext.aged: "aged",
    ThreadContext.limit: "limit", ThreadContext.consumed: "consumed", ThreadContext.capacity: "capacity",
    ThreadContext.pendingReturns: "pending", ThreadContext.stackOwed: "stack owed",
    ThreadContext.session: "session",
  ]

  /// The field of the context, or register and offset.
  var summary: String {
    if base == .v1, let name = Self.names[offset] { return name }
    return offset == 0 ? "[\(base)]" : "[\(base)\(offset < 0 ? "" : "+")\(offset)]"
  }
}
