internal import ApusPatchBuild
internal import ApusProcess
package import ArgumentParser
internal import Glibc

/// The command.
@main
package struct Apus: ParsableCommand {
  package static let version = "0.1.0"

  package static let configuration = CommandConfiguration(
    commandName: "apus",
    abstract: "Trace the functions of Linux programs, from outside.",
    discussion: """
      apus record runs a program that was compiled with -fpatchable-function-entry and logs its calls; the other \
      commands show what was recorded.
      """,
    version: version,
    subcommands: [
      RecordCommand.self, ReportCommand.self, ReplayCommand.self, GraphCommand.self, ExportCommand.self,
      InfoCommand.self, SitesCommand.self, PatchCommand.self, DoctorCommand.self,
    ])

  package init() {}

  /// Exit status: 0, 1 for a failure, 2 for wrong usage; `record`: the program's, or 125 for whatever goes wrong here.
  package static func main() {
    // Under a compiler's name: it stands in front of that one while a patch is built.
    let called = CommandLine.arguments.first ?? ""
    if CompilerWrapper.isCompiler(called.split(separator: "/").last.map(String.init) ?? ""),
      let status = CompilerWrapper.run(name: called, words: Array(CommandLine.arguments.dropFirst()))
    {
      Glibc.exit(status)
    }
    // A limit on file sizes is an error of write like any other. (Programs are started with what we found.)
    _ = unsafe signal(SIGXFSZ, SIG_IGN)
    let isRecord = CommandLine.arguments.dropFirst().first == "record"
    // The Swift runtime's crash handler stops all threads and takes its time; a program that we hold would stand still
    // meanwhile. Should we crash, then at once: the kernel lets go of the program. A closed pipe ends output quietly.
    for number in [SIGILL, SIGSEGV, SIGBUS, SIGTRAP, SIGABRT, SIGFPE, SIGQUIT] {
      unsafe signal(number, SIG_DFL)
    }
    unsafe signal(SIGPIPE, SIG_IGN)
    do {
      var command = try parseAsRoot()
      try command.run()
      Glibc.exit(0)
    } catch let status as ProgramStatus {
      Glibc.exit(status.value)
    } catch let failure as CommandFailure {
      Diagnostics.error(failure.message)
      Glibc.exit(isRecord ? failure.recordStatus : 1)
    } catch {
      let code = exitCode(for: error)
      if code == .success {
        print(fullMessage(for: error))
        Glibc.exit(0)
      }
      Diagnostics.plain(fullMessage(for: error))
      Glibc.exit(isRecord ? 125 : code == .validationFailure ? 2 : 1)
    }
  }
}

/// Ends the command as the recorded program ended.
struct ProgramStatus: Error {
  var value: Int32
}

/// A failure that has been understood: one message, and how to exit.
struct CommandFailure: Error {
  var message: String
  var recordStatus: Int32 = 125

  init(_ message: String, recordStatus: Int32 = 125) {
    self.message = message
    self.recordStatus = recordStatus
  }
}

/// What goes to the standard error.
enum Diagnostics {
  /// A line as it is.
  static func plain(_ text: String) { write(text) }
  /// An error.
  static func error(_ text: String) { write("apus: error: \(text)") }
  /// Something that the user should know.
  static func note(_ text: String) { write("apus: \(text)") }

  private static func write(_ text: String) {
    let bytes = Array((text + "\n").utf8)
    // Nothing can be done about a standard error that cannot be written.
    _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(2, $0.baseAddress, $0.count) }
  }
}
