import ApusProbe

/// What the code of one region of a program needs; see ``ProgramOutline``.
struct RegionNeeds {
  /// Machine registers whose values are kept on the stack: bits in the lowering's own order, probe registers first.
  var saved: UInt16 = 0
  /// Probe registers that may hold a value that is still needed.
  var live: UInt16 = 0
  /// Whether the register file is written, above what is saved.
  var hasRegisterFile = false
}

/// What a lowering knows of a program before it writes code.
///
/// A program is cut into *regions*, the parts that control reaches without a call of the body in between: all of a
/// region runs with the same machine registers on the stack.
struct ProgramOutline {
  let program: ProbeProgram
  /// The labels, in order.
  private(set) var labels: [ProbeLabel] = []
  /// For each instruction, the index of the label that it defines or goes to, or −1.
  private(set) var labelIndices: [Int] = []
  /// For each instruction, whether it is a committed store.
  private(set) var isCommitted: [Bool] = []

  /// For each instruction, its node; −1 for unreachable ones. Nodes 0 to n − 1 are the n labels, the next is the
  /// program's start, and each call of the body makes one more. Nodes between which control flows are united.
  private var nodes: [Int] = []
  private var parents: [Int] = []
  private var needs: [RegionNeeds] = []

  /// - Parameters:
  ///   - free: the registers besides v0 to v3 that routines may change, and that stubs save which call them.
  ///   - hidden: registers that an instruction changes besides those it names.
  init(
    _ program: ProbeProgram, free: UInt16 = 0, hidden: (ProbeInstruction) -> UInt16
  ) throws(LoweringError) {
    self.program = program
    try findLabels()
    try findCommitted()
    findRegions()
    let isRoutine = program.role == .routine
    let free = isRoutine ? UInt16(ProbeRegisterSet.routine.rawValue) | free : 0
    for (index, instruction) in program.instructions.enumerated() where nodes[index] >= 0 {
      if case .callBody = instruction { continue }
      if case .registerFile = instruction { needs[root(nodes[index])].hasRegisterFile = true }
      let effect = instruction.effect
      let changed = UInt16(effect.writes.union(effect.spoils).rawValue)
      let named = changed | UInt16(effect.reads.rawValue)
      let root = root(nodes[index])
      needs[root].live |= named | free & 0xff
      needs[root].saved |= (isRoutine ? changed : named) & ~free | hidden(instruction) & ~free
    }
  }

  /// What the region of the instruction with this index needs.
  func needs(at index: Int) -> RegionNeeds {
    guard index < nodes.count, nodes[index] >= 0 else { return RegionNeeds() }
    return needs[root(nodes[index])]
  }

  /// Whether a label stands between the instruction with this index and the next that does something.
  func isNext(_ label: Int, after index: Int) -> Bool {
    var next = index + 1
    while next < program.instructions.count, case .label = program.instructions[next] {
      if labelIndices[next] == label { return true }
      next += 1
    }
    return false
  }

  private func root(_ node: Int) -> Int {
    var node = node
    while parents[node] != node { node = parents[node] }
    return node
  }

  private mutating func unite(_ left: Int, _ right: Int) {
    let left = root(left)
    let right = root(right)
    if left != right { parents[max(left, right)] = min(left, right) }
  }

  private mutating func findRegions() {
    parents = Array(0...labels.count)
    nodes = [Int](repeating: -1, count: program.instructions.count)
    var current = labels.count
    var reachable = true
    for (index, instruction) in program.instructions.enumerated() {
      let label = labelIndices[index]
      if case .label = instruction {
        if reachable { unite(current, label) }
        current = label
        reachable = true
      } else if label >= 0, reachable {
        unite(current, label)
      }
      guard reachable else { continue }
      nodes[index] = current
      if instruction.endsPath { reachable = false }
      if case .callBody = instruction {
        parents.append(parents.count)
        current = parents.count - 1
      }
    }
    needs = [RegionNeeds](repeating: RegionNeeds(), count: parents.count)
  }

  private mutating func findCommitted() throws(LoweringError) {
    let instructions = program.instructions
    isCommitted = [Bool](repeating: false, count: instructions.count)
    for case .committed(let begin, let end) in instructions {
      guard let first = instructions.firstIndex(of: .label(begin)),
        let last = instructions.firstIndex(of: .label(end)), first < last
      else { throw .label(program: program.name, begin) }
      for index in first..<last {
        switch instructions[index] {
        case .store, .storeConstant: isCommitted[index] = true
        default: break
        }
      }
    }
  }

  /// Numbers the labels and resolves all uses.
  private mutating func findLabels() throws(LoweringError) {
    let instructions = program.instructions
    labelIndices = [Int](repeating: -1, count: instructions.count)
    var numbers: [ProbeLabel: Int] = [:]
    for (index, instruction) in instructions.enumerated() {
      guard case .label(let name) = instruction else { continue }
      guard numbers.updateValue(labels.count, forKey: name) == nil else {
        throw .label(program: program.name, name)
      }
      labelIndices[index] = labels.count
      labels.append(name)
    }
    for (index, instruction) in instructions.enumerated() {
      guard let target = instruction.target else { continue }
      guard let number = numbers[target] else { throw .label(program: program.name, target) }
      labelIndices[index] = number
    }
  }
}
