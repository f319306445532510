internal import ApusCore
internal import ApusELF
internal import ApusPatchObject
internal import ApusSystem

extension PatchBuilder {
  /// What is patched: its symbols, from the file that runs or from the build's.
  func findModules(_ log: BuildLog) throws(PatchBuildError) -> BuiltModules {
    var outputs: [String] = []
    for record in log.records where record.kind == .link && !outputs.contains(record.output) {
      outputs.append(record.output)
    }
    outputs = outputs.filter { Files.exists($0) }
    guard !outputs.isEmpty else { throw .nothingLinked }
    // The second build links anew, so all is read now.
    var modules = BuiltModules()
    if options.targets.isEmpty {
      for output in outputs {
        // (What else drivers make: precompiled headers.)
        guard try contents(output).starts(with: [0x7f, 0x45, 0x4c, 0x46]) else { continue }
        let made = try module(output)
        if made.image.type != .relocatable { modules.add(made, output: output) }
      }
      guard !modules.all.isEmpty else { throw .nothingLinked }
      return modules
    }
    for target in options.targets {
      let base = Self.base(target)
      let own = try module(target)
      guard
        let output = outputs.first(where: { Self.base($0) == base })
          ?? outputs.first(where: { base.hasPrefix(Self.base($0)) })
      else { throw .noTarget(base, outputs: outputs.map(Self.base)) }
      if own.hasSymbols {
        modules.add(own, output: output)
      } else {
        let built = try module(output)
        guard built.hasSameText(as: own) else { throw .notReproduced(target) }
        modules.add(built.standing(for: own), output: output)
      }
    }
    return modules
  }

  /// Says of each target how much of its code this build makes.
  func noteReproduction(_ log: BuildLog) throws(PatchBuildError) {
    report("comparing the targets with the build")
    var latest: [String: String] = [:]
    for record in log.records where record.kind == .compile { latest[record.output] = record.kept }
    var counts = modules.all.map { _ in (same: 0, all: 0) }
    for kept in latest.values.sorted() where Files.exists(kept) {
      let table: AtomTable
      let file = try object(try contents(kept), kept)
      do throws(ELFError) { table = try AtomTable(file) } catch { throw .file(kept, error) }
      for (index, module) in modules.all.enumerated() {
        let (same, all) = module.functions(of: table)
        // Objects of another program have names in common with this one, main at least.
        guard same * 2 > all else { continue }
        counts[index].same += same
        counts[index].all += all
      }
    }
    for (module, count) in zip(modules.all, counts) {
      let many = count.same == count.all ? "all" : "\(count.same) of"
      note(
        count.all == 0
          ? "\(module.name): no object file of this build has its functions there"
          : "\(module.name): \(many) \(count.all) functions have the code that this build makes")
    }
  }

  private func module(_ path: String) throws(PatchBuildError) -> LinkedModule {
    let bytes = try contents(path)
    do throws(ELFError) { return try LinkedModule(path: path, image: ELFImage(source: bytes)) } catch {
      throw .file(path, error)
    }
  }
}
