internal import ApusELF
internal import ApusPatchObject

extension PatchAssembler {
  /// Changed functions, and what of their references the module does not have.
  func choose(
    _ comparison: ObjectComparison, _ plain: AtomTable?, _ module: LinkedModule
  ) throws(AssemblyError) -> Part {
    var part = Part(comparison: comparison, plain: plain)
    let after = comparison.after
    var waiting: [Int] = []
    func include(_ atom: Int) throws(AssemblyError) {
      let section = after.object.sections[after.atoms[atom].section]
      guard section.isAllocated else {
        throw .notLoaded(symbol: after.symbol(of: atom)?.name ?? "", section: section.name)
      }
      if part.atoms.insert(atom).inserted { waiting.append(atom) }
    }
    // (A function that is inlined everywhere, or that nobody calls, the linker may have left out.)
    part.changes = comparison.changes.filter { !module.named($0.old, in: comparison.before).isEmpty }
    for change in part.changes {
      for atom in change.atoms { try include(atom) }
      part.replaced.insert(change.atoms[0])
    }
    // What is new and visible to other files may be what they newly call.
    for atom in comparison.additions {
      let binding = after.symbol(of: atom)?.binding
      if binding == .global || binding == .unique { try include(atom) }
    }
    while let atom = waiting.popLast() {
      var targets = after.references(of: atom).map(\.target)
      if let frame = after.frames[atom], let unwinding = after.unwinding {
        for place in [frame.landingPlace, personalityPlace(frame, unwinding, after)] {
          if let place, let target = after.referenceTarget(in: unwinding.section, at: place) {
            targets.append(target)
          }
        }
      }
      for case .atom(let target, _) in targets where !part.atoms.contains(target) {
        if try existing(target, part, module) == nil { try include(target) }
      }
    }
    return part
  }

  /// The symbol of the module that an atom of the new file is in the running program; nil if it has to come with the patch.
  func existing(
    _ atom: Int, _ part: Part, _ module: LinkedModule
  ) throws(AssemblyError) -> LinkedModule.Symbol? {
    let comparison = part.comparison
    let after = comparison.after
    guard let symbol = after.symbol(of: atom), !symbol.name.hasPrefix(".L") else { return nil }
    guard let old = comparison.matching.old[atom] else {
      // New in this file; the module may have it from another one (an inline function, say).
      guard symbol.binding != .local else { return nil }
      return module.symbols(named: symbol.name, isLocal: false, file: nil).first
    }
    let before = comparison.before
    var probe = comparison
    if after.atoms[atom].kind.isConstant, !probe.holdsSame(old, atom) { return nil }
    guard let name = before.symbol(of: old) else { return nil }
    let candidates = module.symbols(
      named: name.name, isLocal: name.binding == .local, file: before.object.sourceName)
    if before.atoms[old].kind == .code {
      let found = module.symbols(ofFunction: old, in: before, plain: part.plain)
      if found.count == 1 { return found[0] }
      guard found.isEmpty else {
        throw AssemblyError(ambiguous: name.name, in: module, found)
      }
      return candidates.count == 1 ? candidates[0] : nil
    }
    if candidates.count > 1 {
      let exact = AddressProbe(module, before).addresses(of: old)
      let fitting = candidates.filter { exact.contains($0.address) }
      guard fitting.count == 1 else {
        throw AssemblyError(ambiguous: name.name, in: module, candidates)
      }
      return fitting[0]
    }
    return candidates.first
  }

  private func personalityPlace(
    _ frame: UnwindRecords.Frame, _ records: UnwindRecords, _ table: AtomTable
  ) -> UInt64? {
    guard let common = records.commons[frame.common] else { return nil }
    return table.object.sections[records.section].relocations(in: common.range).first?.offset
  }
}
