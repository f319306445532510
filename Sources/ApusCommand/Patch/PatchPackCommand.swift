internal import ApusCore
internal import ApusELF
internal import ApusPatchBuild
internal import ApusPatchObject
internal import ApusSystem
internal import ArgumentParser

/// `apus patch pack`
struct PatchPackCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pack",
    abstract: "Make a live patch of object files whose functions were written to replace others.",
    discussion: """
      The sources include apus_patch.h, whose macros say which function replaces which, and declare callbacks, shadow variables, \
      states and quiescent functions. The manifest is a text file, a line each; a line that begins with # is a comment:

        name TEXT
        replace-all
        module PATH
        replace NEW OLD [of FILE] [in MODULE] [at ADDRESS]
        symbol NAME [of FILE] [in MODULE] [at ADDRESS]

      In that order: the patch's name (the output's without .apatch by default); that it takes the place of all that were applied before \
      it; a program or library that is patched, with its symbols, relative to the manifest's directory; that the function NEW of the \
      objects replaces OLD, of a source file if it is static, as APUS_REPLACES says it; which of several symbols the objects mean.
      """)

  @Option(help: ArgumentHelp("What is patched, and how.", valueName: "file"), completion: .file())
  var manifest: String
  @Argument(
    help: ArgumentHelp("Compiled sources of the patch.", valueName: "object"),
    completion: .file(extensions: ["o"])) var objects: [String]
  @Option(
    name: .shortAndLong, help: ArgumentHelp("The patch.", valueName: "file"),
    completion: .file(extensions: ["apatch"]))
  var output: String

  func validate() throws {
    guard Files.exists(manifest) else { throw ValidationError("--manifest \(manifest): no such file") }
    for object in objects where !Files.exists(object) { throw ValidationError("\(object): no such file") }
    let place = Self.directory(output)
    guard place.isEmpty || Files.isDirectory(place) else {
      throw ValidationError("--output: there is no directory \(place)")
    }
  }

  func run() throws {
    let lines: PatchManifest
    let text = String(decoding: try WholeFile.bytes(manifest), as: UTF8.self)
    do throws(ManifestError) { lines = try PatchManifest(text, file: manifest) } catch {
      throw CommandFailure("\(error)")
    }
    var modules: [LinkedModule] = []
    for (path, origin) in lines.modules { modules.append(try module(path, origin)) }
    var inputs: [PatchPacker.Input] = []
    for path in objects {
      let bytes = try WholeFile.bytes(path)
      do throws(ELFError) { inputs.append((path, try ObjectFile(bytes: bytes))) } catch {
        throw CommandFailure("\(path): \(error)")
      }
    }
    let stem = output.split(separator: "/").last.map(String.init) ?? output
    do {
      let libraries = try NeededLibraries.images(modules.map(\.image))
      var packer = try PatchPacker(lines, modules: modules, libraries: libraries, inputs: inputs)
      let patch = try packer.pack(
        name: stem.hasSuffix(".apatch") ? String(stem.dropLast(".apatch".count)) : stem)
      try Files.replace(output, with: patch.bytes)
      for note in packer.notes { Terminal.error.write("apus: \(note)\n") }
    } catch { throw CommandFailure("\(error)") }
  }

  /// A program or library of the manifest.
  private func module(_ path: String, _ origin: PackOrigin) throws -> LinkedModule {
    let place = Self.directory(manifest)
    let full = path.hasPrefix("/") || place.isEmpty ? path : "\(place)/\(path)"
    guard Files.exists(full), !Files.isDirectory(full) else {
      throw CommandFailure(
        "\(origin): there is no file \(full): paths are relative to the manifest's directory")
    }
    let image: ELFImage
    do { image = try openImage(full) } catch { throw CommandFailure("\(origin): \(error)") }
    guard image.type == .executable || image.type == .shared else {
      throw CommandFailure("\(origin): \(full) is no linked program or library: name what runs")
    }
    do throws(ELFError) { return try LinkedModule(path: full, image: image) } catch {
      throw CommandFailure("\(origin): \(full): \(error)")
    }
  }

  /// What of a path is before the last slash; empty if there is none.
  private static func directory(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "" }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
