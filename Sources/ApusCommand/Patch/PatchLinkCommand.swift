internal import ApusCore
internal import ApusELF
internal import ApusPatchObject
internal import ApusReport
internal import ApusSystem
internal import ArgumentParser

/// `apus patch link`: the linker by itself, for tests.
struct PatchLinkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "link", abstract: "Link one module's part of a patch, or an object file, at an address.",
    discussion: """
      BINDINGS is a text file, a line each; numbers are decimal or hexadecimal (0x), symbols are numbers in the file's symbol
      table: "base ADDRESS", "toc ADDRESS", "thread OFFSET", "number NUMBER" for the module; "address SYMBOL ADDRESS [OTHER]", \
      "function SYMBOL ADDRESS", "foreign SYMBOL OFFSET BLOCK NUMBER" (another module's thread-local variable) \
      and "variable SYMBOL OFFSET" for undefined symbols; "imported SYMBOL" for those of other modules, in an object file.
      What is where is printed as JSON. Without "base" only the layout is.
      """, shouldDisplay: false)

  @Argument(help: "A patch object or an object file.", completion: .file()) var file: String
  @Option(help: "Which module's part.") var module = 0
  @Option(help: "Where the part is to be, and what the undefined symbols are.", completion: .file())
  var bindings: String
  @Option(name: [.customShort("o"), .long], help: "Where to write the bytes.", completion: .file())
  var output: String

  func run() throws {
    let given = try LinkBindings(text: String(decoding: WholeFile.bytes(bindings), as: UTF8.self))
    let bytes = try WholeFile.bytes(file)
    let patch: PatchObject
    do throws(PatchObjectError) { patch = try PatchObject(bytes: bytes) } catch {
      guard case .noPatch = error else { throw CommandFailure("\(file): \(error)") }
      do throws(ELFError) {
        patch = PatchObject(try ObjectFile(bytes: bytes), name: file) { given.imported.contains($0) }
      } catch { throw CommandFailure("\(file): \(error)") }
    }
    guard module >= 0, module < patch.modules.count else {
      throw CommandFailure("\(file): it has \(patch.modules.count) modules")
    }
    let sink: TextSink
    do throws(ReportError) { sink = try standardOutput() } catch { throw CommandFailure("\(error)") }
    do {
      let linker = try PatchLinker(patch, module: module)
      var linked: LinkedPatch?
      if let placement = given.placement { linked = try linker.link(at: placement, given.bindings) }
      if let linked {
        let file = try FileDescriptor.open(output, flags: FileDescriptor.writeAnew)
        try file.writeFully(linked.bytes)
      }
      sink.write(Self.json(linker.layout, linked).text)
      try sink.flush()
    } catch { throw CommandFailure("\(file): \(error)") }
  }

  private static func json(_ layout: LinkLayout, _ linked: LinkedPatch?) -> JSONWriter {
    var writer = JSONWriter()
    writer.object { json in
      json.member("size", layout.size)
      json.member("alignment", layout.alignment)
      json.member("table", layout.table)
      json.array("ranges") { json in
        for access in LinkLayout.Access.allCases {
          json.object { json in
            json.member("access", "\(access)")
            json.member("start", layout.ranges[access]?.lowerBound ?? 0)
            json.member("end", layout.ranges[access]?.upperBound ?? 0)
          }
        }
      }
      json.array("sections") { json in
        for (number, offset) in layout.sections.sorted(by: { $0.key < $1.key }) {
          json.object { json in
            json.member("number", number)
            json.member("offset", offset)
          }
        }
      }
      for (name, slots) in [("slots", layout.slots), ("veneers", layout.veneers)] {
        json.array(name) { json in
          for (slot, offset) in slots.sorted(by: { $0.value < $1.value }) {
            json.object { json in
              json.member("symbol", slot.symbol)
              json.member("addend", slot.addend)
              json.member("content", "\(slot.content)")
              json.member("offset", offset)
            }
          }
        }
      }
      json.array("words") { json in
        for word in linked?.words ?? [] {
          json.object { json in
            json.member("offset", word.offset)
            json.member("symbol", word.symbol)
            json.member("addend", word.addend)
            json.member("content", "\(word.content)")
          }
        }
      }
      json.array("symbols") { json in
        for (number, address) in (linked?.addresses ?? [:]).sorted(by: { $0.key < $1.key }) {
          json.object { json in
            json.member("number", number)
            json.member("address", address)
          }
        }
      }
    }
    return writer
  }
}
