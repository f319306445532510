internal import ApusPatchBuild
internal import ApusPatchObject
internal import ApusSystem
internal import ArgumentParser
internal import Glibc

/// `apus patch build`
struct PatchBuildCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "build",
    abstract: "Make a live patch from a program's source, a diff, and the command that builds it.",
    discussion: """
      The source is copied, built as it is, and built again with the diff, in a directory below TMPDIR; it is not written to. \
      The command runs at the top of the copy and must find its compiler in PATH: apus stands in front of it.
      """)

  @Option(help: ArgumentHelp("The directory of the source.", valueName: "dir"), completion: .directory)
  var source: String
  @Option(
    help: ArgumentHelp("The change, as diff -u or git diff print it.", valueName: "file"), completion: .file()
  )
  var diff: String
  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      "The program or library that runs and is to be patched (repeatable). Without: all that the build links and the change touches.",
      valueName: "binary"), completion: .file())
  var target: [String] = []
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("The patch; the diff's name with .apatch by default.", valueName: "file"))
  var output: String?
  @Option(help: "The patch's name; the output's without .apatch by default.") var name: String?
  @Flag(help: "The patch takes the place of all that were applied before it.") var replace = false
  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      "Let this structure be laid out in another way: no object of it outlives a call of the functions that are replaced (repeatable).",
      valueName: "type"))
  var allowLayout: [String] = []
  @Flag(help: "Keep the directory of the builds, and say where it is.") var keep = false
  @Argument(parsing: .captureForPassthrough, help: "The command that builds the source.") var command:
    [String]

  func validate() throws {
    guard command.contains(where: { $0 != "--" }) else {
      throw ValidationError("the command that builds the source is missing")
    }
    guard Files.isDirectory(source) else { throw ValidationError("--source \(source): no such directory") }
    guard Files.exists(diff) else { throw ValidationError("--diff \(diff): no such file") }
    let place =
      output?.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/") ?? ""
    guard place.isEmpty || Files.isDirectory(place) else {
      throw ValidationError("--output: there is no directory \(place)")
    }
    for file in target where !Files.exists(file) { throw ValidationError("--target \(file): no such file") }
  }

  func run() throws {
    let stem = diff.split(separator: "/").last.map(String.init) ?? "change"
    let output = output ?? stem.replacingSuffixes([".diff", ".patch"]) + ".apatch"
    let title =
      name ?? (output.split(separator: "/").last.map(String.init) ?? output).replacingSuffixes([".apatch"])
    guard let apus = Files.canonical("/proc/self/exe") else { throw CommandFailure("/proc is not mounted") }
    let command = self.command.first == "--" ? Array(self.command.dropFirst()) : self.command
    var options = PatchBuildOptions(
      source: source, diff: diff, targets: target, name: title, isReplacement: replace, command: command,
      apus: apus,
      keeps: keep)
    options.allowedLayouts = Set(allowLayout)
    let terminal = Terminal.error
    // Who interrupts ends the build that runs, and we clean up behind it. (What is sent to us alone the builder passes on.)
    _ = signal(SIGINT, SIG_IGN)
    do throws(PatchBuildError) {
      let builder = try PatchBuilder(options, in: ProcessEnvironment.value("TMPDIR") ?? "/tmp") { step in
        if terminal.isTerminal { terminal.write("apus: \(step)\n") }
      }
      defer { builder.cleanUp() }
      if keep { terminal.write("apus: the builds are in \(builder.place)\n") }
      let patch = try Self.build(builder, terminal)
      do throws(SystemError) { try Files.replace(output, with: patch.bytes) } catch {
        throw .system(error)
      }
      let count = patch.functions.count
      terminal.write(
        "apus: \(output): \(count) function\(count == 1 ? "" : "s") of \(patch.patchedModules) replaced\n"
      )
    } catch { throw CommandFailure("\(error)") }
  }

  /// Builds, and says what the builder noticed: it may be why there is no patch.
  private static func build(
    _ builder: PatchBuilder, _ terminal: Terminal
  ) throws(PatchBuildError) -> PatchObject {
    defer { for note in builder.notes { terminal.write("apus: \(note)\n") } }
    return try builder.build()
  }
}

extension String {
  /// Without the first of these endings that it has.
  fileprivate func replacingSuffixes(_ endings: [String]) -> String {
    for ending in endings where hasSuffix(ending) { return String(dropLast(ending.count)) }
    return self
  }
}

extension PatchObject {
  /// The names of what is patched.
  fileprivate var patchedModules: String {
    Set(functions.map { modules[$0.old.module].name }).sorted().joined(separator: ", ")
  }
}
