import ApusISA
import ApusProbe

extension ARM64Lowering {
  /// Puts the branches in, each as short as it can be, and turns marks into offsets.
  mutating func finish() throws(LoweringError) -> CodeBlob {
    let offsets = chooseSizes()
    func offset(_ mark: Mark) -> Int { mark.position + offsets[mark.branches] }
    var assembled = ARM64.Encoder()
    assembled.reserve(code.count + (offsets.last ?? 0))
    var position = 0
    for branch in branches {
      assembled.append(code.bytes[position..<branch.position])
      position = branch.position
      let target = offset(labels[branch.label].mark)
      if !branch.isShort { assembled.skip(unless: branch.condition) }
      let distance = target - assembled.count
      if branch.isShort, assembled.branch(branch.condition, distance) { continue }
      guard ARM64.branchReaches(Int64(distance), width: ARM64.Reach.branch) else {
        throw .tooLong(program: program.name)
      }
      assembled.jump(distance)
    }
    assembled.append(code.bytes[position...])
    return CodeBlob(
      name: program.name,
      bytes: assembled.bytes,
      relocations: relocations.map {
        CodeBlob.Relocation(offset: offset($0.mark), kind: .branch26, target: $0.target, addend: 0)
      },
      labels: labels.compactMap { label in
        label.name.map { CodeBlob.LabelOffset(label: $0, offset: offset(label.mark)) }
      },
      faultTable: faults.map {
        CodeBlob.FaultEntry(start: offset($0.start), recovery: offset(labels[$0.label].mark))
      },
      traps: traps.map {
        CodeBlob.Trap(start: offset($0.start), end: offset($0.end), reason: $0.reason)
      },
      committed: committed.compactMap {
        CodeBlob.CommittedStore($0.store, start: offset($0.start), end: offset($0.end)) {
          machine($0).registerFileSlot?.rawValue ?? 0
        }
      },
      returnPoints: returnPoints.map(offset),
      cfi: CFIRow.merged(rows.map { (offset($0.mark), $0.row) }),
      constantSites: constants.map {
        CodeBlob.ConstantSite(offset: offset($0.mark), form: .moves($0.count), value: $0.value)
      })
  }

  /// Lengthens conditional branches until all reach. The result's element `i` is the size of the first `i` branches.
  private mutating func chooseSizes() -> [Int] {
    var offsets = [Int](repeating: 0, count: branches.count + 1)
    var changed = true
    while changed {
      changed = false
      for index in branches.indices { offsets[index + 1] = offsets[index] + branches[index].size }
      for index in branches.indices where branches[index].isShort {
        if case .always = branches[index].condition { continue }
        let target = labels[branches[index].label].mark
        let place = branches[index].position + offsets[index]
        let distance = target.position + offsets[target.branches] - place
        if !ARM64.branchReaches(Int64(distance), width: ARM64.Reach.conditional) {
          branches[index].isShort = false
          changed = true
        }
      }
    }
    return offsets
  }
}

extension ARM64.Encoder {
  /// A branch on a condition; false, and nothing, if there is none.
  fileprivate mutating func branch(_ condition: ARM64Lowering.Condition, _ distance: Int) -> Bool {
    switch condition {
    case .always: return false
    case .flags(let condition): branch(condition, distance)
    case .zero(let register): compareZero(register, isNotZero: false, distance)
    case .notZero(let register): compareZero(register, isNotZero: true, distance)
    }
    return true
  }

  /// A branch over the next instruction if the condition does not hold.
  fileprivate mutating func skip(unless condition: ARM64Lowering.Condition) {
    let distance = 2 * ARM64.instructionSize
    switch condition {
    case .always: break
    case .flags(let condition): if let inverted = condition.inverted { branch(inverted, distance) }
    case .zero(let register): compareZero(register, isNotZero: true, distance)
    case .notZero(let register): compareZero(register, isNotZero: false, distance)
    }
  }
}
