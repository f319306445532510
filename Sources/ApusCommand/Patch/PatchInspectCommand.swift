internal import ApusCore
internal import ApusPatchObject
internal import ApusReport
internal import ApusSystem
internal import ArgumentParser

/// `apus patch inspect`
struct PatchInspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show what a live patch replaces, adds and refers to, and why each function is in it.")

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text, json
  }

  @Argument(help: "A patch object.", completion: .file(extensions: ["apatch"])) var file: String
  @Option(help: "text or json.") var format = Format.text

  func run() throws {
    let patch = try PatchFile.read(file)
    let sink: TextSink
    do throws(ReportError) { sink = try standardOutput() } catch { throw CommandFailure("\(error)") }
    switch format {
    case .json: sink.write(patch.json.text)
    case .text:
      let demangler = Demangler()
      sink.write(patch.text { demangler.name($0) })
    }
    do throws(SinkError) { try sink.flush() } catch { throw CommandFailure("\(error)") }
  }
}

/// Reading patch objects from files.
enum PatchFile {
  static func read(_ path: String) throws -> PatchObject {
    do {
      return try PatchObject(bytes: try WholeFile.bytes(path))
    } catch {
      throw CommandFailure("\(error)".contains(path) ? "\(error)" : "\(path): \(error)")
    }
  }
}
