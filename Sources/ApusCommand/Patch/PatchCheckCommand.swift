internal import ApusCore
internal import ApusELF
internal import ApusPatchBuild
internal import ApusPatchObject
internal import ApusReport
internal import ApusSystem
internal import ArgumentParser

/// `apus patch check`
struct PatchCheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract:
      "Tell whether a live patch fits programs and libraries: references, call sites, build-ids. Status 1 if not."
  )

  @Argument(help: "A patch object.", completion: .file(extensions: ["apatch"])) var file: String
  @Argument(help: "The programs and libraries that it patches.", completion: .file()) var binaries: [String]
  @Flag(name: .shortAndLong, help: "Only what is wrong.") var quiet = false

  func run() throws {
    let patch = try PatchFile.read(file)
    var modules: [LinkedModule] = []
    for path in binaries {
      let image = try openImage(path)
      do throws(ELFError) { modules.append(try LinkedModule(path: path, image: image)) } catch {
        throw CommandFailure("\(path): \(error)")
      }
    }
    let check: PatchCheck
    do throws(ELFError) {
      check = try PatchCheck(patch, files: modules, others: try NeededLibraries.images(modules.map(\.image)))
    } catch { throw CommandFailure("\(error)") }
    let sink: TextSink
    do throws(ReportError) { sink = try standardOutput() } catch { throw CommandFailure("\(error)") }
    for finding in check.findings where !quiet || !finding.isGood {
      sink.write("\(finding.isGood ? "ok  " : "FAIL")  \(finding.text)\n")
    }
    do throws(SinkError) { try sink.flush() } catch { throw CommandFailure("\(error)") }
    let bad = check.findings.filter { !$0.isGood }
    guard bad.isEmpty else {
      throw CommandFailure("the patch does not fit: \(bad.count) of \(check.findings.count) findings are bad")
    }
  }
}
