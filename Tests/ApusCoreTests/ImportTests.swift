import Foundation
import Testing

/// Checks the sources against the table of modules in Package.swift: the layers hold because this fails when they do not.
@Suite struct ImportTests {
  /// What every module may import: the standard library's own.
  static let always: Set = ["Swift", "Synchronization"]
  /// Modules that work on any host for any target, and so see neither the C library nor a kernel.
  static let pure: Set = [
    "ApusCore", "ApusELF", "ApusISA", "ApusProbe", "ApusTrampoline", "ApusUnwind", "ApusPatchObject",
  ]
  /// The command, which is not in the table, may import every module of it, and these.
  static let command: Set = ["ArgumentParser", "Logging"]
  /// Names of architectures, as folders are called.
  static let architectures = ["X86_64", "ARM64", "PPC64LE"]
  /// Files outside of an architecture's folder that may name its types: each takes its choice by an `Architecture`.
  static let choices: Set = [
    "ApusELF/Architecture+CallSites.swift", "ApusLiveText/TextArchitecture.swift",
    "ApusISA/RegisterFileLayout.swift", "ApusISA/InstructionLengths.swift", "ApusISA/CallFrameColumns.swift",
    "ApusISA/RelaxedCode.swift", "ApusPatchBuild/LinkedCode.swift",
    "ApusPatchObject/Linker/LinkArchitecture.swift",
    "ApusProcess/GDBRemote/RemoteMachine.swift", "ApusProcess/Ptrace/PtraceMachine.swift",
    "ApusTrampoline/Lowering.swift",
  ]

  /// A source file: where it is below Sources, and its lines.
  struct Source {
    var path: String
    var lines: [Substring]
    var module: String { String(path.prefix { $0 != "/" }) }
    var folders: [Substring] { path.split(separator: "/").dropLast() }
  }

  /// The package's directory: this file is Tests/ApusCoreTests/ImportTests.swift.
  static let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
    .deletingLastPathComponent()
    .deletingLastPathComponent()

  static func sources() throws -> [Source] {
    let folder = root.appendingPathComponent("Sources").path
    let names = try #require(FileManager.default.enumerator(atPath: folder))
    var result: [Source] = []
    for case let name as String in names where name.hasSuffix(".swift") {
      let text = try String(contentsOfFile: folder + "/" + name, encoding: .utf8)
      result.append(Source(path: name, lines: text.split(separator: "\n", omittingEmptySubsequences: false)))
    }
    return result
  }

  /// The `modules` table of Package.swift: what each module may import of our own and of other packages.
  static func table() throws -> [String: Set<String>] {
    let text = try String(contentsOfFile: root.appendingPathComponent("Package.swift").path, encoding: .utf8)
    let start = try #require(
      text.range(of: "\nlet modules: [Module] = ["), "Package.swift has a table of modules")
    let end = try #require(text[start.upperBound...].range(of: "\n]"))
    let module = /Module\(\s*name:\s*"(\w+)",\s*imports:\s*\[([^\]]*)\]/
    var result: [String: Set<String>] = [:]
    for match in text[start.upperBound..<end.lowerBound].matches(of: module) {
      let words = match.2.split { $0 == "," || $0.isWhitespace }.map { $0.filter { $0 != "\"" } }
      // Products of other packages stand there by the name of a constant.
      result[String(match.1)] = Set(words.map { $0 == "logging" ? "Logging" : $0 })
    }
    return result
  }

  /// The module that a line imports.
  static func imported(_ line: Substring) -> String? {
    guard line.contains("import ") else { return nil }
    let pattern =
      /^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?import\s+(?:(?:struct|class|enum|protocol|typealias|func|let|var)\s+)?(\w+)/
    guard let match = line.prefixMatch(of: pattern) else { return nil }
    return String(match.1)
  }

  /// What is wrong with a module's importing `name`, or nil.
  static func objection(to name: String, in module: String, _ table: [String: Set<String>]) -> String? {
    if always.contains(name) { return nil }
    if name.hasPrefix("Foundation") { return "Foundation is not used in the sources" }
    if name == "Glibc" {
      return pure.contains(module) ? "\(module) must not know the C library" : nil
    }
    if module == "ApusCommand" {
      return table[name] != nil || command.contains(name) ? nil : "not in the table of modules"
    }
    guard let allowed = table[module] else { return "\(module) is not in the table of modules" }
    return allowed.contains(name) ? nil : "not in \(module)'s imports in Package.swift"
  }

  @Test func theTableIsRead() throws {
    let table = try Self.table()
    #expect(table["ApusCore"] == [])
    #expect(table["ApusISA"] == ["ApusCore", "CCapstone"])
    #expect(table["ApusRecord"]?.contains("Logging") == true)
    let files = try Self.sources()
    let modules = Set(files.map(\.module)).subtracting(["ApusCommand"])
    #expect(modules == Set(table.keys), "modules with sources, and modules in the table")
  }

  @Test func modulesImportWhatTheTableAllows() throws {
    let table = try Self.table()
    var imports = 0
    for file in try Self.sources() {
      for (number, line) in file.lines.enumerated() {
        guard let name = Self.imported(line) else { continue }
        imports += 1
        if let objection = Self.objection(to: name, in: file.module, table) {
          Issue.record("Sources/\(file.path):\(number + 1): import \(name): \(objection)")
        }
      }
    }
    #expect(imports > 100, "the sources were read")
  }

  @Test(arguments: [
    ("import Glibc", "ApusProbe"), ("internal import Foundation", "ApusRecord"),
    ("package import ApusELF", "ApusProbe"), ("@preconcurrency import ApusReport", "ApusRecord"),
    ("public import struct ApusRecord.RecordOptions", "ApusLiveText"),
    ("import FoundationEssentials", "ApusCommand"),
    ("internal import ApusSystem", "ApusELF"), ("import ApusCore", "ApusUnknown"),
  ])
  func forbiddenImportsAreSeen(_ line: String, _ module: String) throws {
    let name = try #require(Self.imported(Substring(line)))
    #expect(Self.objection(to: name, in: module, try Self.table()) != nil)
  }

  @Test func noConditionOnTheArchitecture() throws {
    for file in try Self.sources() {
      for (number, line) in file.lines.enumerated()
      where line.contains("arch") && line.contains(/^\s*#(?:else)?if\b.*\barch\s*\(/) {
        Issue.record("Sources/\(file.path):\(number + 1): the architecture is a value, never a condition")
      }
    }
  }

  @Test func architecturesStayInTheirFolders() throws {
    let named = /\b(?:X86|ARM64|PPC64)\w*\b/
    for file in try Self.sources() {
      if Self.architectures.contains(where: { file.folders.contains(Substring($0)) }) { continue }
      let name = file.path.split(separator: "/").last ?? ""
      if name.contains(/X86|ARM64|PPC64/), !Self.choices.contains(file.path) {
        Issue.record("Sources/\(file.path) belongs in the folder of its architecture")
      }
      for (number, line) in file.lines.enumerated() where line.contains(/[!=]= (?:Architecture)?\.x86_64\b/) {
        Issue.record("Sources/\(file.path):\(number + 1): what x86_64 alone has belongs in its folder")
      }
      if Self.choices.contains(file.path) { continue }
      for (number, line) in file.lines.enumerated() {
        guard line.contains("X86") || line.contains("ARM64") || line.contains("PPC64") else { continue }
        let code = line.prefix(upTo: line.firstRange(of: "//")?.lowerBound ?? line.endIndex)
        if let match = code.firstMatch(of: named) {
          Issue.record(
            "Sources/\(file.path):\(number + 1): \(match.0) is known to its architecture's folder only")
        }
      }
    }
  }
}
