internal import ApusCore
internal import ApusELF
internal import ApusPatchObject
internal import ApusSystem

extension PatchBuilder {
  /// Compares what the two builds made, and puts the patch together.
  func compare(_ log: BuildLog) throws(PatchBuildError) -> PatchObject {
    modules.readInputs(log)
    noteUnseen(log)
    var changes: [PatchAssembler.Changes] = []
    // (What configure scripts compile is gone by now.)
    for object in Self.objects(log) where Files.exists(object.after.kept) {
      guard var change = try change(of: object) else { continue }
      if let before = object.before, isElsewhere(change) { change.plain = try plain(before) }
      changes.append(change)
    }
    return try assemble(changes)
  }

  /// What was compiled in the second build, and in the first, if it was.
  private static func objects(_ log: BuildLog) -> [(before: BuildLog.Record?, after: BuildLog.Record)] {
    // Of several that went to one file, which was moved then, each is one.
    func key(_ record: BuildLog.Record) -> [String] {
      let words = Array(record.command.dropFirst())
      return [record.output] + CompilerCommand(words).sources.map { words[$0] }
    }
    var first: [[String]: BuildLog.Record] = [:]
    var second: [(key: [String], record: BuildLog.Record)] = []
    for record in log.records where record.kind == .compile {
      let key = key(record)
      if record.phase == 1 {
        first[key] = record
      } else {
        second.removeAll { $0.key == key }
        second.append((key, record))
      }
    }
    return second.map { (first[$0.key], $0.record) }
  }

  /// How an object file differs from what it was; nil if it does not.
  private func change(
    of object: (before: BuildLog.Record?, after: BuildLog.Record)
  ) throws(PatchBuildError) -> PatchAssembler.Changes? {
    let output = object.after.output
    let new = try contents(object.after.kept)
    let old = try object.before.map { record throws(PatchBuildError) in try contents(record.kept) }
    guard new != old else { return nil }
    let after = try self.object(new, object.after.kept)
    let before =
      if let old { try self.object(old, output) } else { ObjectFile(emptyFor: after.architecture) }
    let name = output.hasPrefix(tree + "/") ? String(output.dropFirst(tree.count + 1)) : output
    let comparison: ObjectComparison
    do throws(ELFError) {
      comparison = try ObjectComparison(
        before: before, after: after,
        layouts: try old.map { old throws(ELFError) in try layouts((old, before), (new, after)) },
        allowedLayouts: options.allowedLayouts)
    } catch { throw .file(name, error) }
    return comparison.isSame
      ? nil : PatchAssembler.Changes(file: name, path: output, comparison: comparison)
  }

  /// Says which changed sources no compiler was seen to read in the second build.
  private func noteUnseen(_ log: BuildLog) {
    let sources: Set<String> = ["c", "cc", "cpp", "cxx", "C", "s", "S"]
    let read = Set(log.records.filter { $0.phase == 2 }.flatMap { $0.command.map(Self.base) })
    for file in diffFiles where sources.contains(file.split(separator: ".").last.map(String.init) ?? "") {
      guard !read.contains(Self.base(file)) else { continue }
      note(
        "\(file) is changed, and no compiler was seen to read it: if the build compiles it, let it call one source at a time, by the compiler's name, in PATH"
      )
    }
  }

  private func layouts(
    _ old: (bytes: [UInt8], object: ObjectFile), _ new: (bytes: [UInt8], object: ObjectFile)
  ) throws(ELFError) -> (before: StructureLayouts, after: StructureLayouts) {
    let before = try StructureLayouts(old.bytes, of: old.object)
    let after = try StructureLayouts(new.bytes, of: new.object)
    if !before.isKnown || !after.isKnown {
      note(
        "there is no debugging information: that no structure is laid out in another way cannot be seen (compile with -g)"
      )
    }
    return (before, after)
  }

  /// Whether a module has a changed function by name, and its code is another.
  private func isElsewhere(_ change: PatchAssembler.Changes) -> Bool {
    let comparison = change.comparison
    return modules.all.contains { module in
      modules.isPart(change.path, comparison, of: module)
        && comparison.changes.contains {
          !module.named($0.old, in: comparison.before).isEmpty
            && module.symbols(ofFunction: $0.old, in: comparison.before).isEmpty
        }
    }
  }

  /// An object of the first build, compiled again as the build's own command says; nil if that cannot be done any more.
  private func plain(_ record: BuildLog.Record) throws(PatchBuildError) -> AtomTable? {
    guard record.command.count > 1 else { return nil }
    try restoreSources()
    let output = "\(place)/\(CompilerWrapper.Names.kept)/plain.o"
    var words = record.command
    // The last -o counts.
    words += ["-o", output]
    if let index = words.firstIndex(of: "-o"), index < words.count - 2 {
      words.removeSubrange(index..<index + 2)
    }
    guard try run(words, in: record.directory, to: "\(place)/plain.log") == 0, Files.exists(output) else {
      return nil
    }
    let file = try object(try contents(output), output)
    do throws(ELFError) { return try AtomTable(file) } catch { throw .file(output, error) }
  }

  /// Brings the tree's sources back to what they were; both builds are done.
  private func restoreSources() throws(PatchBuildError) {
    for file in changedFiles where Files.exists(old(file)) {
      _ = try run(["cp", "--", old(file), "\(tree)/\(file)"], in: nil, to: "\(place)/copy.log")
    }
  }

  private func assemble(
    _ changes: [PatchAssembler.Changes]
  ) throws(PatchBuildError) -> PatchObject {
    guard let architecture = modules.all.first?.image.architecture else { throw .nothingLinked }
    var assembler = PatchAssembler(architecture)
    var refusals: [(file: String, refusal: Refusal)] = []
    for module in modules.all {
      let own = changes.filter { modules.isPart($0.path, $0.comparison, of: module) }
      let hasChanges = own.contains { !$0.comparison.changes.isEmpty }
      for change in own {
        for refusal in change.comparison.refusals
        where (hasChanges || refusal.rule != .layout)
          && !refusals.contains(where: { $0.file == change.file && $0.refusal == refusal })
        {
          refusals.append((change.file, refusal))
        }
      }
      guard refusals.isEmpty, hasChanges else { continue }
      do throws(AssemblyError) { try assembler.add(own, to: module) } catch { throw .assembly(error) }
    }
    guard refusals.isEmpty else { throw .refused(refusals) }
    let object = assembler.finish(name: options.name, isReplacement: options.isReplacement)
    guard !object.functions.isEmpty else { throw .nothingChanged }
    return object
  }
}
