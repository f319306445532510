internal import ApusCore
internal import ApusELF
internal import ApusReport
internal import ApusSystem
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
    let report: SiteReport
    do {
      let memory = try MappedMemory.file(binary)
      let bytes = unsafe BorrowedBytes(UnsafeRawBufferPointer(memory.buffer)) { _ in _ = memory }
      report = try SiteReport.of(ELFImage(source: bytes), fileName: binary)
    } catch let error as SystemError where error.errno == .invalidArgument {
      throw CommandFailure("\(binary): is empty, or no regular file")
    } catch {
      throw CommandFailure("\(error)".contains(binary) ? "\(error)" : "\(binary): \(error)")
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
