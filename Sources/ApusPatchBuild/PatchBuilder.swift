internal import ApusCore
internal import ApusELF
package import ApusPatchObject
internal import ApusSystem

/// What `apus patch build` is asked for.
package struct PatchBuildOptions: Sendable {
  package var source: String
  package var diff: String
  /// Programs and libraries to be patched; none: all that the build links and the change touches.
  package var targets: [String]
  package var name: String
  package var isReplacement: Bool
  /// Names of structures that may be laid out in another way: no object of them lives on.
  package var allowedLayouts: Set<String> = []
  package var command: [String]
  /// The program that stands in for compilers: apus itself.
  package var apus: String
  /// Whether the working directory stays.
  package var keeps: Bool

  package init(
    source: String, diff: String, targets: [String], name: String, isReplacement: Bool, command: [String],
    apus: String, keeps: Bool
  ) {
    self.source = source
    self.diff = diff
    self.targets = targets
    self.name = name
    self.isReplacement = isReplacement
    self.command = command
    self.apus = apus
    self.keeps = keeps
  }
}

/// What was built.
package struct BuiltPatch: Sendable {
  package var object: PatchObject
  /// What is worth saying about it, a line each.
  package var notes: [String]
}

/// Builds a patch: the source as it is, the source with the change, and what differs.
package final class PatchBuilder {
  private let options: PatchBuildOptions
  private let report: (String) -> Void
  /// Where everything happens.
  package let place: String
  private var tree: String { "\(place)/tree" }
  private var notes: [String] = []
  /// What the diff changes and compilers read, in the tree.
  private var changedFiles: [String] = []
  /// All that it changes.
  private var diffFiles: [String] = []

  /// - Parameters:
  ///   - directory: where the working directory is made.
  ///   - report: is told what is being done.
  package init(
    _ options: PatchBuildOptions, in directory: String, report: @escaping (String) -> Void
  ) throws(PatchBuildError) {
    self.options = options
    self.report = report
    do throws(SystemError) {
      let made = try Files.makeTemporaryDirectory(in: directory, prefix: "apus-patch-")
      place = Files.canonical(made) ?? made
    } catch { throw .system(error) }
  }

  /// Takes the working directory away, unless it is to stay.
  package func cleanUp() {
    guard !options.keeps else { return }
    _ = try? ChildProcess(["rm", "-rf", "--", place]).wait()
  }

  /// Builds.
  package func build() throws(PatchBuildError) -> BuiltPatch {
    try prepare()
    report("building the source as it is")
    try runBuild(phase: 1)
    let first = try log()
    guard first.records.contains(where: { $0.kind == .compile }) else { throw .nothingCompiled }
    let modules = try findModules(first)
    if !options.targets.isEmpty { try noteReproduction(first, modules) }
    try applyDiff()
    report("building it with the change")
    try runBuild(phase: 2)
    report("comparing")
    return try compare(try log(), modules)
  }

  // MARK: The two builds

  private func lifting<T>(_ body: () throws(SystemError) -> T) throws(PatchBuildError) -> T {
    do throws(SystemError) { return try body() } catch { throw .system(error) }
  }

  private func prepare() throws(PatchBuildError) {
    report("copying the source")
    try lifting { () throws(SystemError) in
      try Files.makeDirectory("\(place)/\(CompilerWrapper.Names.kept)")
      try CompilerWrapper.install(in: place, apus: options.apus)
    }
    let status = try run(
      ["cp", "-a", "--reflink=auto", "--", options.source, tree], in: nil, to: "\(place)/copy.log")
    guard status == 0 else { throw .build(phase: 1, status: status, output: tail("\(place)/copy.log")) }
  }

  private func log() throws(PatchBuildError) -> BuildLog {
    try lifting { () throws(SystemError) in try BuildLog(path: "\(place)/\(CompilerWrapper.Names.log)") }
  }

  private func run(_ command: [String], in directory: String?, to output: String) throws(PatchBuildError)
    -> Int32
  {
    do throws(SystemError) {
      let log = try FileDescriptor.open(output, flags: FileDescriptor.writeAnew)
      return try ChildProcess(command, directory: directory, output: log.rawValue).wait().status
    } catch {
      let packages = ["patch": "patch", "diff": "diffutils", "cp": "coreutils"]
      if error.errno == .noSuchFile, let package = packages[error.context] {
        throw .noTool(error.context, package: package)
      }
      throw .system(error)
    }
  }

  private func runBuild(phase: Int) throws(PatchBuildError) {
    let output = "\(place)/build\(phase).log"
    let compilers = "\(place)/\(CompilerWrapper.Names.compilers)"
    let path = compilers + ":" + (ProcessEnvironment.value("PATH") ?? "/usr/bin:/bin")
    let end: ChildProcess.End = try lifting { () throws(SystemError) in
      try Files.write(Array(String(phase).utf8), to: "\(place)/\(CompilerWrapper.Names.phase)")
      let log = try FileDescriptor.open(output, flags: FileDescriptor.writeAnew)
      let environment =
        ProcessEnvironment.words(setting: "PATH", to: path).filter {
          !$0.hasPrefix(CompilerWrapper.variable + "=")
        }
        + ["\(CompilerWrapper.variable)=\(place)"]
      // (A compiler's name alone is looked for in our own PATH.)
      var command = options.command
      if let name = command.first, Files.exists("\(compilers)/\(name)") {
        command[0] = "\(compilers)/\(name)"
      }
      return try ChildProcess(
        command, environment: environment, directory: tree, output: log.rawValue
      ).wait()
    }
    guard end == .exited(0) else { throw .build(phase: phase, status: end.status, output: tail(output)) }
  }

  private func tail(_ path: String) -> String {
    let lines = ((try? WholeFile.text(path)) ?? "").split(separator: "\n", omittingEmptySubsequences: false)
    return lines.suffix(20).joined(separator: "\n")
  }

  // MARK: The change

  private func applyDiff() throws(PatchBuildError) {
    report("applying the diff")
    // (As bytes: sources may have other encodings than UTF-8.)
    let bytes = try lifting { () throws(SystemError) in try WholeFile.bytes(options.diff) }
    let text = String(decoding: bytes, as: UTF8.self)
    let diff = "\(place)/change.diff"
    try lifting { () throws(SystemError) in try Files.write(bytes, to: diff) }
    let output = "\(place)/patch.log"
    func apply(_ strip: Int, _ more: [String]) throws(PatchBuildError) -> Int32 {
      try run(
        ["patch", "-p\(strip)", "-s", "-f", "--no-backup-if-mismatch", "-i", diff] + more, in: tree,
        to: output)
    }
    var strip = 1
    if try apply(1, ["--dry-run"]) != 0 {
      let first = tail(output)
      guard try apply(0, ["--dry-run"]) == 0 else { throw .diff(first) }
      strip = 0
    }
    diffFiles = SourceChange.files(text, strip: strip)
    let files = diffFiles.filter { SourceChange.isCompiled($0) }
    changedFiles = files
    for file in files where Files.exists("\(tree)/\(file)") {
      _ = try run(["cp", "--", "\(tree)/\(file)", old(file)], in: nil, to: output)
    }
    guard try apply(strip, []) == 0 else { throw .diff(tail(output)) }
    for file in files where Files.exists(old(file)) && Files.exists("\(tree)/\(file)") {
      try keepLineNumbers(of: file)
    }
  }

  private func old(_ file: String) -> String {
    "\(place)/\(CompilerWrapper.Names.kept)/old-"
      + file.map { $0 == "/" ? "_" : $0 == "_" ? "__" : String($0) }.joined()
  }

  private func keepLineNumbers(of file: String) throws(PatchBuildError) {
    let output = "\(place)/diff.log"
    let status = try run(["diff", "-U0", "--", old(file), "\(tree)/\(file)"], in: nil, to: output)
    guard status == 1 else { return }
    try lifting { () throws(SystemError) in
      let hunks = SourceChange.hunks(try WholeFile.text(output))
      let bytes = try WholeFile.bytes("\(tree)/\(file)")
      // (Not as text: other encodings than UTF-8 must stay as they are.)
      let lines = SourceChange.keepingLineNumbers(
        bytes.split(separator: 10, omittingEmptySubsequences: false), hunks)
      try Files.write(Array(lines.joined(separator: [10])), to: "\(tree)/\(file)")
    }
  }

  // MARK: Modules

  /// What is patched: its symbols, from the file that runs or from the build's.
  private func findModules(_ log: BuildLog) throws(PatchBuildError) -> [LinkedModule] {
    var outputs: [String] = []
    for record in log.records where record.kind == .link && !outputs.contains(record.output) {
      outputs.append(record.output)
    }
    outputs = outputs.filter { Files.exists($0) }
    guard !outputs.isEmpty else { throw .nothingLinked }
    // The second build links anew, so all is read now.
    var modules: [LinkedModule] = []
    if options.targets.isEmpty {
      for output in outputs {
        // (What else drivers make: precompiled headers.)
        guard try contents(output).starts(with: [0x7f, 0x45, 0x4c, 0x46]) else { continue }
        let made = try module(output)
        self.outputs[made.path] = output
        if made.image.type != .relocatable { modules.append(made) }
      }
      guard !modules.isEmpty else { throw .nothingLinked }
      return modules
    }
    for target in options.targets {
      let base = Self.base(target)
      let own = try module(target)
      guard
        let output = outputs.first(where: { Self.base($0) == base })
          ?? outputs.first(where: { base.hasPrefix(Self.base($0)) })
      else { throw .noTarget(base, outputs: outputs.map(Self.base)) }
      self.outputs[own.path] = output
      if own.hasSymbols {
        modules.append(own)
      } else {
        let built = try module(output)
        guard built.hasSameText(as: own) else { throw .notReproduced(target) }
        modules.append(built.standing(for: own))
      }
    }
    return modules
  }

  /// Says of each target how much of its code this build makes.
  private func noteReproduction(_ log: BuildLog, _ modules: [LinkedModule]) throws(PatchBuildError) {
    report("comparing the targets with the build")
    var latest: [String: String] = [:]
    for record in log.records where record.kind == .compile { latest[record.output] = record.kept }
    var counts = modules.map { _ in (same: 0, all: 0) }
    for kept in latest.values.sorted() where Files.exists(kept) {
      let table: AtomTable
      let file = try object(try contents(kept), kept)
      do throws(ELFError) { table = try AtomTable(file) } catch { throw .file(kept, error) }
      for (index, module) in modules.enumerated() {
        let (same, all) = module.functions(of: table)
        // Objects of another program have names in common with this one, main at least.
        guard same * 2 > all else { continue }
        counts[index].same += same
        counts[index].all += all
      }
    }
    for (module, count) in zip(modules, counts) {
      let all = count.same == count.all
      notes.append(
        "\(module.name): \(all ? "all" : "\(count.same) of") \(count.all) functions have the code that this build makes"
      )
    }
  }

  private static func base(_ path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? path
  }

  private func module(_ path: String) throws(PatchBuildError) -> LinkedModule {
    let bytes = try contents(path)
    do throws(ELFError) { return try LinkedModule(path: path, image: ELFImage(source: bytes)) } catch {
      throw .file(path, error)
    }
  }

  // MARK: What differs

  private func contents(_ path: String) throws(PatchBuildError) -> [UInt8] {
    try lifting { () throws(SystemError) in try WholeFile.bytes(path) }
  }

  private func object(_ bytes: [UInt8], _ path: String) throws(PatchBuildError) -> ObjectFile {
    do throws(ELFError) { return try ObjectFile(bytes: bytes) } catch { throw .file(path, error) }
  }

  private func compare(_ log: BuildLog, _ modules: [LinkedModule]) throws(PatchBuildError) -> BuiltPatch {
    // Of several that went to one file, which was moved then, each is one.
    func key(_ record: BuildLog.Record) -> String {
      let words = Array(record.command.dropFirst())
      return ([record.output] + CompilerCommand(words).sources.map { words[$0] }).joined(separator: "\u{1f}")
    }
    var first: [String: BuildLog.Record] = [:]
    var second: [(key: String, output: String, kept: String)] = []
    for record in log.records where record.kind == .compile {
      if record.phase == 1 {
        first[key(record)] = record
      } else {
        second.removeAll { $0.key == key(record) }
        second.append((key(record), record.output, record.kept))
      }
    }
    var changes: [PatchAssembler.Changes] = []
    for (key, output, kept) in second {
      // (What configure scripts compile is gone by now.)
      guard Files.exists(kept) else { continue }
      let new = try contents(kept)
      let old = try first[key].map { record throws(PatchBuildError) in try contents(record.kept) }
      guard new != old else { continue }
      let after = try object(new, kept)
      let before = if let old { try object(old, output) } else { ObjectFile(emptyFor: after.architecture) }
      let name = output.hasPrefix(tree + "/") ? String(output.dropFirst(tree.count + 1)) : output
      do throws(ELFError) {
        let comparison = try ObjectComparison(
          before: before, after: after,
          layouts: try old.map { old throws(ELFError) in try layouts(old, new) },
          allowedLayouts: options.allowedLayouts)
        if !comparison.isSame {
          var change = PatchAssembler.Changes(file: name, comparison: comparison)
          change.path = output
          changes.append(change)
        }
      } catch { throw .file(name, error) }
      if let command = first[key], let last = changes.last, last.file == name,
        isElsewhere(last.comparison, modules)
      {
        changes[changes.count - 1].plain = try plain(command)
      }
    }
    for record in log.records where record.kind == .link {
      inputs[record.output, default: LinkInputs()].add(record)
    }
    noteUnseen(log)
    return try assemble(changes, modules)
  }

  /// By the output's path in the build.
  private var inputs: [String: LinkInputs] = [:]
  /// The build's output that a module is, by the module's path.
  private var outputs: [String: String] = [:]

  /// Whether an object file is a part of a module: by the command that links it, else by the code.
  private func isPart(_ change: PatchAssembler.Changes, of module: LinkedModule) -> Bool {
    let isInput = outputs[module.path].flatMap { inputs[$0]?.contains(change.path) }
    if isInput == true { return true }
    // (One that nothing was linked from by this name was moved, or put into an archive.)
    if isInput == false, inputs.values.contains(where: { $0.contains(change.path) == true }) { return false }
    return change.comparison.belongs(to: module)
  }

  /// Says which changed sources no compiler was seen to read in the second build.
  private func noteUnseen(_ log: BuildLog) {
    let sources: Set<String> = ["c", "cc", "cpp", "cxx", "C", "s", "S"]
    let read = Set(log.records.filter { $0.phase == 2 }.flatMap { $0.command.map(Self.base) })
    for file in diffFiles where sources.contains(file.split(separator: ".").last.map(String.init) ?? "") {
      guard !read.contains(Self.base(file)) else { continue }
      notes.append(
        "\(file) is changed, and no compiler was seen to read it: if the build compiles it, let it call one source at a time, by the compiler's name, in PATH"
      )
    }
  }

  private var hasUnknownLayouts = false

  private func layouts(
    _ old: [UInt8], _ new: [UInt8]
  ) throws(ELFError) -> (before: StructureLayouts, after: StructureLayouts) {
    let before = try StructureLayouts(try ELFImage(source: old))
    let after = try StructureLayouts(try ELFImage(source: new))
    if !before.isKnown || !after.isKnown, !hasUnknownLayouts {
      hasUnknownLayouts = true
      notes.append(
        "there is no debugging information: that no structure is laid out in another way cannot be seen (compile with -g)"
      )
    }
    return (before, after)
  }

  /// Whether a module has a changed function by name, and its code is another.
  private func isElsewhere(_ comparison: ObjectComparison, _ modules: [LinkedModule]) -> Bool {
    modules.contains { module in
      comparison.belongs(to: module)
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
    _ changes: [PatchAssembler.Changes], _ modules: [LinkedModule]
  ) throws(PatchBuildError) -> BuiltPatch {
    guard let architecture = modules.first?.image.architecture else { throw .nothingLinked }
    var assembler = PatchAssembler(architecture)
    var refusals: [(file: String, refusal: Refusal)] = []
    for module in modules {
      let own = changes.filter { isPart($0, of: module) }
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
    return BuiltPatch(object: object, notes: notes)
  }
}
