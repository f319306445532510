internal import ApusCore
package import ApusSystem

/// What stands in front of compilers while a patch is built: `apus` under their names, in a directory that comes first in PATH.
///
/// It compiles each function and variable into a section of its own, keeps every object file, and notes what was linked. A
/// command that compiles and links at once is done in two steps.
package struct CompilerWrapper {
  /// The variable that says where the build keeps its things; without it a wrapper is none.
  package static let variable = "APUS_PATCH_BUILD"

  /// The names in that place.
  package enum Names {
    package static let log = "log"
    package static let phase = "phase"
    package static let compilers = "compilers"
    package static let kept = "kept"
  }

  /// Each function and variable in a section of its own. On arm64 and ppc64le compilers lay variables together, whose places are in
  /// instructions then, and clang moves equal pieces of functions into new ones: not here.
  private var flags: [String] {
    let sections = ["-ffunction-sections", "-fdata-sections"]
    guard name.contains("clang") else { return sections + ["-fno-section-anchors"] }
    func isFor(_ machine: String) -> Bool {
      name.hasPrefix(machine)
        || words.contains { $0.contains("target=\(machine)") || $0.hasPrefix(machine + "-") }
    }
    if isFor("aarch64") { return sections + ["-mno-global-merge", "-mno-outline"] }
    return isFor("powerpc64le") ? sections + ["-mllvm", "-ppc-global-merge=false"] : sections
  }

  private let place: String
  /// The real one.
  private let compiler: String
  private let name: String
  private let words: [String]
  /// 1: the source as it is; 2: with the change.
  private let phase: Int

  /// Does what a compiler is asked for, if a patch is being built; nil if none is.
  ///
  /// - Parameters:
  ///   - name: the compiler's, as it was called.
  ///   - words: what follows it.
  /// - Returns: the exit status.
  package static func run(name: String, words: [String]) -> Int32? {
    guard let place = ProcessEnvironment.value(variable) else { return nil }
    let directory = "\(place)/\(Names.compilers)"
    let base = name.split(separator: "/").last.map(String.init) ?? name
    guard
      let compiler = searchPath.filter({ $0 != directory }).map({ "\($0)/\(base)" })
        .first(where: Files.isExecutable)
    else { return complain(base, "PATH has no such compiler", status: 127) }
    do throws(SystemError) {
      guard let phase = Int(try WholeFile.text("\(place)/\(Names.phase)")) else {
        return complain(base, "\(place) is no place where a patch is built")
      }
      return try CompilerWrapper(place: place, compiler: compiler, name: base, words: words, phase: phase)
        .run()
    } catch { return complain(base, "\(error)") }
  }

  private static var searchPath: [String] {
    (ProcessEnvironment.value("PATH") ?? "/usr/bin:/bin").split(separator: ":").map(String.init)
  }

  private static func complain(_ name: String, _ what: String, status: Int32 = 1) -> Int32 {
    Terminal.error.write("apus: error: \(name): \(what)\n")
    return status
  }

  private func run() throws(SystemError) -> Int32 {
    let command = CompilerCommand(words)
    switch command.purpose {
    case .other: throw ChildProcess.replaceSelf(path: compiler, [compiler] + words)
    case .compile where command.sources.count > 1: return try compileEach(command)
    case .compile: return try compile(words, to: command.output)
    case .link where command.sources.isEmpty || isProbe(command): return try link(words, command)
    case .link: return try compileAndLink(command)
    }
  }

  /// Programs that configure scripts try.
  private func isProbe(_ command: CompilerCommand) -> Bool {
    command.sources.allSatisfy { index in
      let base = words[index].split(separator: "/").last ?? ""
      return base.hasPrefix("conftest") || base.hasPrefix("testfile") || base.hasPrefix("autotest")
        || words[index].contains("CMakeFiles/CMakeTmp") || words[index].contains("meson-private")
    }
  }

  private func execute(_ words: [String]) throws(SystemError) -> Int32 {
    try ChildProcess([compiler] + words).wait().status
  }

  private func absolute(_ path: String) throws(SystemError) -> String {
    path.hasPrefix("/") ? path : try "\(Files.workingDirectory())/\(path)"
  }

  private func compile(_ words: [String], to output: String) throws(SystemError) -> Int32 {
    let output = try absolute(output)
    // The object of the first build has a second name: it must not be written over.
    if phase > 1, output != "/dev/null", Files.exists(output) { try FileDescriptor.unlink(output) }
    let status = try execute(words + flags)
    guard status == 0, Files.exists(output), output != "/dev/null" else { return status }
    let kept = try keep(output)
    try log(.compile, output, kept, [compiler] + words)
    return 0
  }

  /// Compiles several sources, one after the other.
  private func compileEach(_ command: CompilerCommand) throws(SystemError) -> Int32 {
    for source in command.sources {
      let single = words.indices.filter { $0 == source || !command.sources.contains($0) }.map { words[$0] }
      let status = try compile(single, to: CompilerCommand(single).output)
      guard status == 0 else { return status }
    }
    return 0
  }

  /// Gives an object a second name, which the build does not know.
  private func keep(_ output: String) throws(SystemError) -> String {
    let unique = "\(Clock.monotonic.now())-\(ProcessEnvironment.processID)"
    let kept = "\(place)/\(Names.kept)/\(unique).o"
    do throws(SystemError) { try Files.link(kept, to: output) } catch {
      try Files.write(try WholeFile.bytes(output), to: kept)
    }
    return kept
  }

  private func link(_ words: [String], _ command: CompilerCommand) throws(SystemError) -> Int32 {
    let status = try execute(words)
    if status == 0, !isProbe(command) || command.sources.isEmpty {
      let output = try absolute(command.output)
      if Files.exists(output) { try log(.link, output, "", [compiler] + words) }
    }
    return status
  }

  private func compileAndLink(_ command: CompilerCommand) throws(SystemError) -> Int32 {
    var linked = words
    let others = Set(command.sources + command.inputs)
    for source in command.sources {
      var single: [String] = []
      var index = 0
      while index < words.count {
        if words[index] == "-o" {
          index += 2
          continue
        }
        if !others.contains(index) || index == source { single.append(words[index]) }
        index += 1
      }
      // One name for each source file of each output, the same in both builds.
      let output = try absolute(command.output)
      let flat = "\(output)-\(words[source])".map { $0 == "/" ? "_" : $0 }
      let object = "\(place)/\(Names.kept)/of-\(String(flat)).o"
      let status = try compile(single + ["-c", "-o", object], to: object)
      guard status == 0 else { return status }
      linked[source] = object
    }
    let status = try execute(linked)
    if status == 0 { try log(.link, try absolute(command.output), "", [compiler] + linked) }
    return status
  }

  private func log(
    _ kind: BuildLog.Record.Kind, _ output: String, _ kept: String, _ command: [String] = []
  ) throws(SystemError) {
    try BuildLog.append(
      BuildLog.Record(
        kind: kind, phase: phase, output: output, kept: kept, directory: Files.workingDirectory(),
        command: command),
      to: "\(place)/\(Names.log)")
  }
}

extension CompilerWrapper {
  /// Makes the directory of wrappers, one for each compiler that PATH has.
  package static func install(in place: String, apus: String) throws(SystemError) {
    let directory = "\(place)/\(Names.compilers)"
    try Files.makeDirectory(directory)
    // Only what is there: builds choose their compiler by what they find.
    var names: Set<String> = []
    for path in searchPath { names.formUnion(Files.names(in: path).filter(isCompiler)) }
    for name in names.sorted() { try Files.link(symbolic: "\(directory)/\(name)", to: apus) }
  }

  /// gcc, x86_64-linux-gnu-gcc-12, clang++, clang-21, c99 …
  package static func isCompiler(_ name: String) -> Bool {
    var parts = name.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
    if let last = parts.last, parts.count > 1, last.allSatisfy({ $0.isNumber || $0 == "." }) {
      parts.removeLast()
    }
    return ["gcc", "g++", "cc", "c++", "c89", "c99", "clang", "clang++"].contains(parts.last ?? "")
  }
}
