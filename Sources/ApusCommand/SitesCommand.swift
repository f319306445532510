internal import ApusCore
internal import ApusELF
internal import ApusReport
package import ArgumentParser

/// `apus sites`
package struct SitesCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "sites", abstract: "List each function's call site and what it allows, or why it has none.")

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text, json
  }

  @Argument(help: "A program or a library.", completion: .file()) var binary: String
  @Option(help: "text or json.") var format = Format.text

  package init() {}

  package func run() throws {
    let image = try openImage(binary)
    let report: SiteReport
    do throws(ELFError) { report = try SiteReport.of(image, fileName: binary) } catch {
      throw CommandFailure("\(binary): \(error)")
    }
    let demangler = Demangler()
    let sink: TextSink
    do throws(ReportError) { sink = try standardOutput() } catch { throw CommandFailure("\(error)") }
    switch format {
    case .json: sink.write(report.json { demangler.name($0) }.text + "\n")
    case .text: sink.write(report.text { demangler.name($0) })
    }
    do throws(SinkError) { try sink.flush() } catch { throw CommandFailure("\(error)") }
  }
}
