import ApusISA
import ApusProbe

extension X86_64Lowering {
  /// Puts the branches in, each as short as it can be, and turns marks into offsets.
  mutating func finish() -> CodeBlob {
    let offsets = chooseSizes()
    func offset(_ mark: Mark) -> Int { mark.position + offsets[mark.branches] }
    var assembled = X86_64.Encoder()
    assembled.reserve(code.count + (offsets.last ?? 0))
    var position = 0
    for branch in branches {
      assembled.append(code.bytes[position..<branch.position])
      position = branch.position
      let distance = offset(labels[branch.label].mark) - assembled.count - branch.size
      switch (branch.condition, branch.isShort) {
      case (let condition?, true): assembled.branch(condition, short: Int8(truncatingIfNeeded: distance))
      case (let condition?, false): assembled.branch(condition, near: Int32(truncatingIfNeeded: distance))
      case (nil, true): assembled.jump(short: Int8(truncatingIfNeeded: distance))
      case (nil, false): assembled.jump(near: Int32(truncatingIfNeeded: distance))
      }
    }
    assembled.append(code.bytes[position...])
    return CodeBlob(
      name: program.name,
      bytes: assembled.bytes,
      relocations: relocations.map {
        CodeBlob.Relocation(offset: offset($0.mark), kind: .relative32, target: $0.target, addend: -4)
      },
      labels: labels.map { CodeBlob.LabelOffset(label: $0.name, offset: offset($0.mark)) },
      faultTable: faults.map {
        CodeBlob.FaultEntry(start: offset($0.start), recovery: offset(labels[$0.label].mark))
      },
      traps: traps.map {
        CodeBlob.Trap(start: offset($0.start), end: offset($0.end), reason: $0.reason)
      },
      committed: committed.compactMap {
        CodeBlob.CommittedStore($0.store, start: offset($0.start), end: offset($0.end)) {
          machine($0).registerFileSlot.rawValue
        }
      },
      returnPoints: returnPoints.map(offset),
      cfi: CFIRow.merged(rows.map { (offset($0.mark), $0.row) }),
      constantSites: constants.map {
        CodeBlob.ConstantSite(offset: offset($0.mark), form: $0.form, value: $0.value)
      })
  }

  /// Lengthens branches until all reach. The result's element `i` is the size of the first `i` branches.
  private mutating func chooseSizes() -> [Int] {
    var offsets = [Int](repeating: 0, count: branches.count + 1)
    var changed = true
    while changed {
      changed = false
      for index in branches.indices { offsets[index + 1] = offsets[index] + branches[index].size }
      for index in branches.indices where branches[index].isShort {
        let target = labels[branches[index].label].mark
        let end = branches[index].position + offsets[index + 1]
        if Int8(exactly: target.position + offsets[target.branches] - end) == nil {
          branches[index].isShort = false
          changed = true
        }
      }
    }
    return offsets
  }
}
