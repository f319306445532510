internal import ApusCore
internal import ApusELF
internal import ApusPatchBuild
internal import ApusPatchObject
internal import ApusReport
internal import ApusSystem
internal import ArgumentParser

/// `apus patch compare`
struct PatchCompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract:
      "Compare two builds of one object file: which functions changed, and what no live patch may change.")

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text, json
  }

  @Argument(help: "The object file as it was.", completion: .file(extensions: ["o"])) var before: String
  @Argument(help: "The object file as it is now.", completion: .file(extensions: ["o"])) var after: String
  @Option(help: "text or json.") var format = Format.text

  func run() throws {
    let comparison: ObjectComparison
    let (old, oldLayouts) = try object(before)
    let (new, newLayouts) = try object(after)
    let isComparable = old.architecture == new.architecture || old.isBitcode || new.isBitcode
    guard isComparable else {
      throw CommandFailure("\(before) is for \(old.architecture), \(after) for \(new.architecture)")
    }
    do throws(ELFError) {
      comparison = try ObjectComparison(before: old, after: new, layouts: (oldLayouts, newLayouts))
    } catch {
      throw CommandFailure("\(after): \(error)")
    }
    let sink: TextSink
    do throws(ReportError) { sink = try standardOutput() } catch { throw CommandFailure("\(error)") }
    switch format {
    case .json: sink.write(comparison.json.text)
    case .text:
      let demangler = Demangler()
      for change in comparison.changes {
        sink.write(
          "changed  \(demangler.name(change.name)): \(change.reasons.map(\.description).joined(separator: ", "))\n"
        )
      }
      for name in comparison.addedNames { sink.write("added    \(demangler.name(name))\n") }
      for name in comparison.removedNames { sink.write("removed  \(demangler.name(name))\n") }
      if !oldLayouts.isKnown || !newLayouts.isKnown {
        sink.write("note     the layouts of structures are not all known: compile with -g\n")
      }
      for refusal in comparison.refusals { sink.write("refused  \(refusal)\n") }
    }
    do throws(SinkError) { try sink.flush() } catch { throw CommandFailure("\(error)") }
  }

  private func object(_ path: String) throws -> (ObjectFile, StructureLayouts) {
    let bytes = try WholeFile.bytes(path)
    do throws(ELFError) {
      let object = try ObjectFile(bytes: bytes)
      return (object, try StructureLayouts(bytes, of: object))
    } catch {
      throw CommandFailure("\(path): \(error)")
    }
  }
}
