import ApusProbe

/// Which instructions belong to which region, and what each region needs.
///
/// Nodes 0 to n − 1 are the n labels, the next is the program's start, and each call of the body makes one
/// more. Nodes between which control flows are united.
struct X86_64Regions {
  /// For each instruction, its node; −1 for unreachable ones.
  var nodes: [Int] = []
  private var parents: [Int] = []
  private var frames: [X86_64Frame] = []

  /// Starts with one node for each label and one for the program's start.
  mutating func prepare(labels: Int, instructions: Int) {
    parents = Array(0...labels)
    nodes = [Int](repeating: -1, count: instructions)
  }

  mutating func newNode() -> Int {
    parents.append(parents.count)
    return parents.count - 1
  }

  private func root(_ node: Int) -> Int {
    var node = node
    while parents[node] != node { node = parents[node] }
    return node
  }

  mutating func unite(_ left: Int, _ right: Int) {
    let left = root(left)
    let right = root(right)
    if left != right { parents[max(left, right)] = min(left, right) }
  }

  /// All unions are made: room for what the regions need.
  mutating func closeUnions() {
    frames = [X86_64Frame](repeating: X86_64Frame(), count: parents.count)
  }

  mutating func need(at index: Int, live: UInt16, saved: UInt16) {
    guard nodes[index] >= 0 else { return }
    let root = root(nodes[index])
    frames[root].live |= live
    frames[root].saved |= saved
  }

  /// What the region of the instruction with this index keeps.
  func frame(at index: Int) -> X86_64Frame {
    guard index < nodes.count, nodes[index] >= 0 else { return X86_64Frame() }
    return frames[root(nodes[index])]
  }
}

extension X86_64Lowering {
  /// Finds the regions and which registers each saves.
  mutating func findRegions() {
    let instructions = program.instructions
    regions.prepare(labels: labels.count, instructions: instructions.count)
    var current = labels.count
    var reachable = true
    for (index, instruction) in instructions.enumerated() {
      let label = labelIndices[index]
      if case .label = instruction {
        if reachable { regions.unite(current, label) }
        current = label
        reachable = true
      } else if label >= 0, reachable {
        regions.unite(current, label)
      }
      guard reachable else { continue }
      regions.nodes[index] = current
      if instruction.endsPath { reachable = false }
      if case .callBody = instruction { current = regions.newNode() }
    }
    regions.closeUnions()
    let isRoutine = program.role == .routine
    let free: UInt16 = isRoutine ? UInt16(ProbeRegisterSet.routine.rawValue) : 0
    for (index, instruction) in instructions.enumerated() {
      if case .callBody = instruction { continue }
      let effect = instruction.effect
      let changed = UInt16(effect.writes.union(effect.spoils).rawValue)
      let named = changed | UInt16(effect.reads.rawValue)
      let saved = (isRoutine ? changed : named) & ~free | hiddenRegisters(instruction) & ~free
      regions.need(at: index, live: named | free, saved: saved)
    }
  }

  /// Machine registers that the instruction changes besides those it names.
  private func hiddenRegisters(_ instruction: ProbeInstruction) -> UInt16 {
    switch instruction {
    case .localCompareExchange, .atomicCompareExchange: X86_64Frame.accumulator
    case .timestamp: X86_64Frame.accumulator | X86_64Frame.data
    case .localAdd(_, .memory), .atomicAdd(_, .memory): X86_64Frame.extra
    default: 0
    }
  }
}
