extension ProbeProgram {
  /// Checks that labels are unique and defined, that every instruction is allowed in the program's role, that
  /// control cannot run off the end, and that no register is read that has no specified value on some path.
  ///
  /// A routine's parameters are v0 to v3: they count as written. After ``ProbeInstruction/call(_:)`` they
  /// count as written too (results), after ``ProbeInstruction/callBody`` nothing does. At the label of a
  /// faulting load, the load's register counts as it was before; where a compare and exchange failed,
  /// `expected` is unspecified. Unreachable code is only checked for its form.
  package func check() throws(ProbeError) {
    var positions: [ProbeLabel: Int] = [:]
    for (index, instruction) in instructions.enumerated() {
      if case .label(let label) = instruction, positions.updateValue(index, forKey: label) != nil {
        throw error(index, .duplicateLabel(label))
      }
    }
    for (index, instruction) in instructions.enumerated() { try checkForm(instruction, index, positions) }
    try checkFlow(positions)
  }

  private func error(_ index: Int, _ reason: ProbeError.Reason) -> ProbeError {
    ProbeError(program: name, index: index, reason: reason)
  }

  private func checkForm(
    _ instruction: ProbeInstruction, _ index: Int, _ positions: [ProbeLabel: Int]
  ) throws(ProbeError) {
    if let target = instruction.target, positions[target] == nil {
      throw error(index, .undefinedLabel(target))
    }
    guard instruction.isAllowed(in: role) else { throw error(index, .notAllowed(role)) }
    switch instruction {
    case .shiftLeft(_, let count), .shiftRight(_, let count):
      if count > 63 { throw error(index, .shiftCount(count)) }
    case .addShifted(_, _, let count):
      if !(1...3).contains(count) { throw error(index, .shiftCount(count)) }
    case .argument(_, let argument), .setArgument(let argument, _):
      if !(0..<6).contains(argument) { throw error(index, .argumentIndex(argument)) }
    case .committed(let begin, let end):
      guard let first = positions[begin], let last = positions[end], first < last, last < index,
        instructions[(first + 1)..<last].allSatisfy(\.isCommittable)
      else { throw error(index, .notCommittable) }
    default: break
    }
  }

  /// What is known before an instruction.
  private struct State: Hashable {
    /// Registers that have a specified value on every path to here.
    var written: ProbeRegisterSet
    /// Whether the body was called on some path to here.
    var bodyCalled = false

    /// Takes in another path to here; says whether that changed anything.
    mutating func join(_ other: State) -> Bool {
      let old = self
      written.formIntersection(other.written)
      bodyCalled = bodyCalled || other.bodyCalled
      return self != old
    }
  }

  /// Forward data flow to a fixed point, then the checks that need it.
  private func checkFlow(_ positions: [ProbeLabel: Int]) throws(ProbeError) {
    guard !instructions.isEmpty else { throw error(0, .fallsOffEnd) }
    var states = [State?](repeating: nil, count: instructions.count)
    states[0] = State(written: role == .routine ? .routine : [])
    var work = [0]
    func flow(_ state: State, to index: Int) {
      if var known = states[index] {
        guard known.join(state) else { return }
        states[index] = known
      } else {
        states[index] = state
      }
      work.append(index)
    }
    while let index = work.popLast() {
      guard let before = states[index] else { continue }
      let instruction = instructions[index]
      let effect = instruction.effect
      var after = before
      after.written.subtract(effect.spoils)
      var aside = after
      after.written.formUnion(effect.writes)
      if instruction.isCompareExchange { after.written = before.written }
      if case .callBody = instruction { after.bodyCalled = true }
      if let target = instruction.target, let position = positions[target] {
        if case .jump = instruction { aside = after }
        flow(aside, to: position)
      }
      guard !instruction.endsPath else { continue }
      guard index + 1 < instructions.count else { throw error(index, .fallsOffEnd) }
      flow(after, to: index + 1)
    }
    for (index, state) in states.enumerated() {
      guard let state else { continue }
      let missing = instructions[index].effect.reads.subtracting(state.written)
      if let register = ProbeRegister.all.first(where: missing.contains) {
        throw error(index, .unwrittenRegister(register))
      }
      switch instructions[index] {
      case .argument, .setArgument, .registerFile, .jumpAddress, .siteOps:
        if state.bodyCalled { throw error(index, .argumentAfterBody) }
      default: break
      }
    }
  }
}
