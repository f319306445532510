import ApusProbe

extension ProbeInstruction {
  /// What else a branch might have been: the other way round, never taken, and the other way at the boundary.
  ///
  /// - Parameter spare: a label that the program does not use.
  func branchChanges(spare: ProbeLabel) -> [(name: String, instructions: [ProbeInstruction])] {
    guard case .branch(let condition, let left, let right, let label) = self else { return [] }
    let opposite: ProbeInstruction = .branch(condition.opposite, left, right, label)
    var changes = [("negate", [opposite]), ("never", [])]
    switch condition {
    case .below: changes.append(("at the limit", [.branch(.equal, left, right, label), self]))
    case .aboveOrEqual:
      changes.append(("at the limit", [.branch(.equal, left, right, spare), self, .label(spare)]))
    case .equal, .notEqual: break
    }
    return changes
  }
}

extension ProbeInstruction {
  /// A summary in which what is this function's own has a name.
  static func generalized(_ summary: String, function: Int) -> String {
    let words = summary.split(separator: " ").map { word in
      switch word {
      case "[v2+\(function * 8)]": "counter"
      case "\(EventWord(.entry, function: UInt32(function), time: 0).rawValue)": "entry"
      case "\(EventWord(.return, function: UInt32(function), time: 0).rawValue)": "return"
      default: String(word)
      }
    }
    return words.joined(separator: " ")
  }
}

extension ProbeCondition {
  /// What holds where this does not.
  var opposite: ProbeCondition {
    switch self {
    case .equal: .notEqual
    case .notEqual: .equal
    case .below: .aboveOrEqual
    case .aboveOrEqual: .below
    }
  }

  var summary: String {
    switch self {
    case .equal: "=="
    case .notEqual: "!="
    case .below: "<"
    case .aboveOrEqual: ">="
    }
  }
}

extension ProbeOperand {
  var summary: String {
    switch self {
    case .register(let register): "\(register)"
    case .immediate(let value): "\(value)"
    case .memory(let place): place.summary
    }
  }
}
