internal import ApusCore
internal import ApusELF
package import ApusPatchObject
internal import ApusSystem

/// Builds a patch: the source as it is, the source with the change, and what differs.
package final class PatchBuilder {
  let options: PatchBuildOptions
  let report: (String) -> Void
  /// What would end us, and ends what we have started instead, so that we clean up.
  private let signals: SignalDescriptor
  /// Where everything happens.
  package let place: String
  var tree: String { "\(place)/tree" }
  var modules = BuiltModules()
  /// What is worth saying about the build and the patch, or about why there is none, a line each.
  package private(set) var notes: [String] = []
  /// What the diff changes and compilers read, in the tree.
  var changedFiles: [String] = []
  /// All that it changes.
  var diffFiles: [String] = []

  /// - Parameters:
  ///   - directory: where the working directory is made.
  ///   - report: is told what is being done.
  package init(
    _ options: PatchBuildOptions, in directory: String, report: @escaping (String) -> Void
  ) throws(PatchBuildError) {
    self.options = options
    self.report = report
    do throws(SystemError) {
      signals = try SignalDescriptor(.ending)
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
  package func build() throws(PatchBuildError) -> PatchObject {
    try prepare()
    report("building the source as it is")
    try runBuild(phase: 1)
    let first = try log()
    guard first.records.contains(where: { $0.kind == .compile }) else { throw .nothingCompiled }
    modules = try findModules(first)
    if !options.targets.isEmpty { try noteReproduction(first) }
    try applyDiff()
    report("building it with the change")
    try runBuild(phase: 2)
    report("comparing")
    return try compare(try log())
  }

  // MARK: The two builds

  func lifting<T>(_ body: () throws(SystemError) -> T) throws(PatchBuildError) -> T {
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

  func run(_ command: [String], in directory: String?, to output: String) throws(PatchBuildError)
    -> Int32
  {
    do throws(SystemError) {
      let log = try FileDescriptor.open(output, flags: FileDescriptor.writeAnew)
      return try ChildProcess(command, directory: directory, output: log.rawValue).wait(passingOn: signals)
        .status
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
      ).wait(passingOn: signals)
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

  func old(_ file: String) -> String {
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

  func note(_ text: String) {
    if !notes.contains(text) { notes.append(text) }
  }

  // MARK: Files

  func contents(_ path: String) throws(PatchBuildError) -> [UInt8] {
    try lifting { () throws(SystemError) in try WholeFile.bytes(path) }
  }

  func object(_ bytes: [UInt8], _ path: String) throws(PatchBuildError) -> ObjectFile {
    do throws(ELFError) { return try ObjectFile(bytes: bytes) } catch { throw .file(path, error) }
  }

  static func base(_ path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? path
  }
}
