package import ApusELF
package import ApusSystem

/// Why no patch was built.
package enum PatchBuildError: Error, Sendable, CustomStringConvertible {
  case system(SystemError)
  /// A file that is read, and what is wrong with it.
  case file(String, ELFError)
  /// The build failed; which of the two, its status, and the end of what it printed.
  case build(phase: Int, status: Int32, output: String)
  /// The diff cannot be applied; what patch(1) said.
  case diff(String)
  /// The build compiled nothing through PATH.
  case nothingCompiled
  /// It linked nothing.
  case nothingLinked
  /// No such output of the build.
  case noTarget(String, outputs: [String])
  /// A stripped target whose code is not what the build makes.
  case notReproduced(String)
  /// No function of any target changed.
  case nothingChanged
  /// Changes that no live patch may make.
  case refused([(file: String, refusal: Refusal)])
  case assembly(AssemblyError)
  /// A tool that is needed is not there.
  case noTool(String, package: String)

  package var description: String {
    switch self {
    case .system(let error): return "\(error)"
    case .file(let path, let error): return "\(path): \(error)"
    case .build(let phase, let status, let output):
      let which = phase == 1 ? "the build of the source as it is" : "the build with the change"
      return "\(which) failed with status \(status):\n\(output)"
    case .diff(let output): return "the diff does not apply to the source:\n\(output)"
    case .nothingCompiled:
      return "the build command compiled nothing that could be seen: it must find its compiler in PATH"
        + " (CC=gcc, not CC=/usr/bin/gcc), and start from a tree without objects"
    case .nothingLinked: return "the build command linked nothing that could be seen"
    case .noTarget(let name, let outputs):
      return "the build makes no \(name); it makes \(outputs.joined(separator: ", "))"
    case .notReproduced(let name):
      return
        "\(name) has no symbols, and its code is not what the build makes: give the file with its symbols"
    case .nothingChanged: return "nothing to patch: no function of what the build links has changed"
    case .refused(let refusals):
      return refusals.map { "\($0.file): \($0.refusal)" }.joined(separator: "\n")
    case .assembly(let error): return "\(error)"
    case .noTool(let tool, let package): return "\(tool) is needed: install the package \(package)"
    }
  }
}
