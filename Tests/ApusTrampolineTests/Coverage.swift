import ApusProbe

/// How often each operation ran through the random programs, by form, width and which of its registers
/// coincide.
struct Coverage {
  private(set) var counts: [String: Int] = [:]
  private(set) var unknown: [String] = []

  /// - Parameters:
  ///   - pushesArguments: whether registers of arguments may be those of probe registers.
  ///   - sharesStubs: whether there are stubs of many functions.
  ///   - jumpRegister: the register in which code that is jumped to finds its address, which a stub may have kept or not.
  init(pushesArguments: Bool, sharesStubs: Bool = false, jumpRegister: String? = nil) {
    for cell in Self.cells { counts[cell] = 0 }
    if sharesStubs { for cell in ["role sharedStub", "siteOps"] { counts[cell] = 0 } }
    for name in ["argument", "setArgument"] {
      for argument in 0..<6 {
        counts["\(name) \(argument) live"] = 0
        if pushesArguments { counts["\(name) \(argument) pushed"] = 0 }
      }
    }
    if let jumpRegister {
      for state in ["kept", "free"] { counts["jumpAddress \(jumpRegister) \(state)"] = 0 }
    }
  }

  mutating func count(_ cell: String) {
    if counts[cell] == nil { unknown.append(cell) }
    counts[cell, default: 0] += 1
  }

  var empty: [String] { counts.filter { $0.value == 0 }.map(\.key).sorted() }

  var table: String {
    let width = (counts.keys.map(\.count).max() ?? 0) + 2
    return counts.sorted { $0.key < $1.key }
      .map { $0.key + String(repeating: " ", count: width - $0.key.count) + String($0.value) }
      .joined(separator: "\n")
  }

  // MARK: Names of cells

  /// Which of two registers are the same.
  static func pair(_ same: Bool) -> String { same ? "same" : "distinct" }

  /// Which of three registers are the same, and which one is v0.
  static func exchange(_ base: ProbeRegister, _ expected: ProbeRegister, _ desired: ProbeRegister) -> String {
    let overlap =
      switch (base == expected, base == desired, expected == desired) {
      case (true, true, _): "all same"
      case (true, _, _): "base=expected"
      case (_, true, _): "base=desired"
      case (_, _, true): "expected=desired"
      default: "distinct"
      }
    let accumulator =
      expected == .v0
      ? "expected=v0" : base == .v0 ? "base=v0" : desired == .v0 ? "desired=v0" : "no v0"
    return overlap + " " + accumulator
  }

  static func timestamp(_ result: ProbeRegister, _ scratch: ProbeRegister) -> String {
    func name(_ register: ProbeRegister) -> String {
      register == .v0 ? "v0" : register == .v2 ? "v2" : "other"
    }
    return "\(name(result)) \(name(scratch)) \(pair(result == scratch))"
  }

  static let cells: [String] = {
    var cells: [String] = []
    let pairs = ["distinct", "same"]
    for width in ProbeWidth.allCases {
      for pair in pairs { cells += ["load \(width) \(pair)", "store \(width) \(pair)"] }
    }
    for kind in ProbeArithmetic.allCases {
      cells.append("\(kind) immediate")
      for pair in pairs { cells += ["\(kind) register \(pair)", "\(kind) memory \(pair)"] }
    }
    for kind in ProbeCondition.allCases {
      for taken in ["taken", "not taken"] {
        cells += ["branch \(kind) immediate \(taken)", "branch \(kind) register \(taken)"]
        cells.append("branch \(kind) memory \(taken)")
      }
      cells += ["branch \(kind) memory distinct", "branch \(kind) memory same"]
      cells += ["branch \(kind) register distinct", "branch \(kind) register same"]
    }
    // A value is never below itself, and always equal to itself.
    for name in ["localAdd", "atomicAdd"] {
      cells.append("\(name) immediate")
      for pair in pairs { cells += ["\(name) register \(pair)", "\(name) memory \(pair)"] }
    }
    for name in ["localCompareExchange", "atomicCompareExchange"] {
      for (overlap, accumulators) in [
        ("distinct", ["expected", "base", "desired", ""]), ("base=expected", ["expected", "desired", ""]),
        ("base=desired", ["expected", "base", ""]), ("expected=desired", ["expected", "base", ""]),
        ("all same", ["expected", ""]),
      ] {
        for accumulator in accumulators {
          for outcome in ["succeeds", "fails"] {
            cells.append(
              "\(name) \(overlap) \(accumulator.isEmpty ? "no v0" : accumulator + "=v0") \(outcome)")
          }
        }
      }
    }
    for name in ["loadAcquire", "storeRelease"] { for pair in pairs { cells.append("\(name) \(pair)") } }
    for name in ["loadOrFault", "storeOrFault"] {
      for pair in pairs { for outcome in ["good", "faults"] { cells.append("\(name) \(pair) \(outcome)") } }
    }
    for result in ["v0", "v2", "other"] {
      for scratch in ["v0", "v2", "other"] {
        if result != scratch || result == "other" { cells.append("timestamp \(result) \(scratch) distinct") }
        if result == scratch { cells.append("timestamp \(result) \(scratch) same") }
      }
    }
    cells += ["constant", "move distinct", "move same", "storeConstant", "shiftLeft", "shiftRight", "jump"]
    cells += ["addShifted distinct", "addShifted same"]
    cells += [
      "prefetchForStore", "fence", "pause", "threadPointer", "frameAddress", "loadReturnAddress",
      "storeReturnAddress", "registerFile",
    ]
    cells += [
      "call from stub", "call from routine", "loop", "callBody", "jumpBody", "leave", "returnFromRoutine",
    ]
    for register in ProbeRegister.all { cells.append("jumpAddress \(register)") }
    cells += ["jumpAddress with a register file", "jumpAddress without a register file"]
    for reason in ProbeTrap.allCases {
      cells += ["trap \(reason) in stub", "trap \(reason) in routine"]
    }
    for role in ["stub", "returnStub", "routine"] { cells.append("role \(role)") }
    return cells
  }()
}

extension Coverage {
  /// Counts an instruction that an interpreter has just executed.
  ///
  /// - Parameters:
  ///   - went: whether it went to its label.
  ///   - inRoutine: whether it stands in a routine.
  ///   - pushedArguments: the arguments whose registers are those of probe registers that the program names.
  mutating func observe(
    _ instruction: ProbeInstruction, went: Bool, inRoutine: Bool, pushedArguments: Set<Int>
  ) {
    func form(_ argument: Int) -> String {
      "\(argument) \(pushedArguments.contains(argument) ? "pushed" : "live")"
    }
    switch instruction {
    case .label: break
    case .constant: count("constant")
    case .move(let d, let s): count("move \(Self.pair(d == s))")
    case .load(let d, let address, let width): count("load \(width) \(Self.pair(d == address.base))")
    case .store(let address, let s, let width): count("store \(width) \(Self.pair(s == address.base))")
    case .storeConstant: count("storeConstant")
    case .arithmetic(let kind, let d, let operand): count("\(kind) \(Self.form(operand, d))")
    case .shiftLeft: count("shiftLeft")
    case .shiftRight: count("shiftRight")
    case .addShifted(let d, let s, _): count("addShifted \(Self.pair(d == s))")
    case .branch(let kind, let left, let operand, _):
      let form = Self.form(operand, left)
      if form != "immediate" { count("branch \(kind) \(form)") }
      count("branch \(kind) \(form.prefix { $0 != " " }) \(went ? "taken" : "not taken")")
    case .jump: count("jump")
    case .localAdd(let address, let operand): count("localAdd \(Self.form(operand, address.base))")
    case .atomicAdd(let address, let operand): count("atomicAdd \(Self.form(operand, address.base))")
    case .localCompareExchange(let address, let expected, let desired, _):
      let registers = Self.exchange(address.base, expected, desired)
      count("localCompareExchange \(registers) \(went ? "fails" : "succeeds")")
    case .atomicCompareExchange(let address, let expected, let desired, _):
      let registers = Self.exchange(address.base, expected, desired)
      count("atomicCompareExchange \(registers) \(went ? "fails" : "succeeds")")
    case .loadAcquire(let d, let address): count("loadAcquire \(Self.pair(d == address.base))")
    case .storeRelease(let address, let s): count("storeRelease \(Self.pair(s == address.base))")
    case .fence: count("fence")
    case .loadOrFault(let d, let address, _):
      count("loadOrFault \(Self.pair(d == address.base)) \(went ? "faults" : "good")")
    case .storeOrFault(let address, let s, _):
      count("storeOrFault \(Self.pair(s == address.base)) \(went ? "faults" : "good")")
    case .threadPointer: count("threadPointer")
    case .timestamp(let d, let scratch): count("timestamp \(Self.timestamp(d, scratch))")
    case .restartable, .committed: break
    case .pause: count("pause")
    case .trap(let reason): count("trap \(reason) in \(inRoutine ? "routine" : "stub")")
    case .prefetchForStore: count("prefetchForStore")
    case .frameAddress: count("frameAddress")
    case .loadReturnAddress: count("loadReturnAddress")
    case .storeReturnAddress: count("storeReturnAddress")
    case .argument(_, let argument): count("argument \(form(argument))")
    case .setArgument(let argument, _): count("setArgument \(form(argument))")
    case .registerFile: count("registerFile")
    case .siteOps: count("siteOps")
    case .call: count(inRoutine ? "call from routine" : "call from stub")
    case .returnFromRoutine: count("returnFromRoutine")
    case .callBody: count("callBody")
    case .jumpBody: count("jumpBody")
    case .jumpAddress(let s): count("jumpAddress \(s)")
    case .leave: count("leave")
    }
  }

  private static func form(_ operand: ProbeOperand, _ other: ProbeRegister) -> String {
    switch operand {
    case .immediate: "immediate"
    case .register(let register): "register \(pair(register == other))"
    case .memory(let address): "memory \(pair(address.base == other))"
    }
  }
}
