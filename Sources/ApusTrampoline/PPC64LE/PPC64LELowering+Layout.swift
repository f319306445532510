import ApusISA
import ApusProbe

extension PPC64LELowering {
  /// Puts the branches in, each as short as it can be, and turns marks into offsets.
  mutating func finish() throws(LoweringError) -> CodeBlob {
    let offsets = chooseSizes()
    func offset(_ mark: Mark) -> Int { mark.position + offsets[mark.branches] }
    var assembled = PPC64LE.Encoder()
    assembled.reserve(code.count + (offsets.last ?? 0))
    var position = 0
    for branch in branches {
      assembled.append(code.bytes[position..<branch.position])
      position = branch.position
      let distance = offset(labels[branch.label].mark) - assembled.count
      switch (branch.condition, branch.isShort) {
      case (let condition?, true): assembled.branch(condition, Int16(truncatingIfNeeded: distance))
      case (let condition?, false):
        assembled.branch(condition.inverted, 8)
        try jump(distance - 4, &assembled)
      case (nil, _): try jump(distance, &assembled)
      }
    }
    assembled.append(code.bytes[position...])
    return CodeBlob(
      name: program.name,
      bytes: assembled.bytes,
      relocations: relocations.map {
        CodeBlob.Relocation(offset: offset($0.mark), kind: .powerBranch24, target: $0.target, addend: 0)
      },
      labels: zip(outline.labels, labels).map { CodeBlob.LabelOffset(label: $0, offset: offset($1.mark)) },
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

  private func jump(_ distance: Int, _ assembled: inout PPC64LE.Encoder) throws(LoweringError) {
    guard (-0x200_0000..<0x200_0000).contains(distance) else { throw .tooLong(program: program.name) }
    assembled.jump(Int32(distance))
  }

  /// Lengthens branches until all reach. The result's element `i` is the size of the first `i` branches.
  private mutating func chooseSizes() -> [Int] {
    var offsets = [Int](repeating: 0, count: branches.count + 1)
    var changed = true
    while changed {
      changed = false
      for index in branches.indices { offsets[index + 1] = offsets[index] + branches[index].size }
      for index in branches.indices where branches[index].isShort && branches[index].condition != nil {
        let target = labels[branches[index].label].mark
        let start = branches[index].position + offsets[index]
        if Int16(exactly: target.position + offsets[target.branches] - start) == nil {
          branches[index].isShort = false
          changed = true
        }
      }
    }
    return offsets
  }
}
