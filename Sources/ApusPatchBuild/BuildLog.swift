package import ApusSystem

/// What compilers did in a build, a record each.
package struct BuildLog: Sendable {
  package struct Record: Sendable, Hashable {
    package enum Kind: String, Sendable { case compile, link }
    package var kind: Kind
    /// 1: as it is; 2: with the change.
    package var phase: Int
    /// The output's path from the root.
    package var output: String
    /// What has been kept of it; empty of what was linked.
    package var kept: String
    /// Where it was done.
    package var directory = ""
    /// The compiler's command as the build gave it, the compiler's path first; empty if no line can hold it.
    package var command: [String] = []
  }

  package private(set) var records: [Record] = []

  private static let separator: Character = "\u{1f}"
  private static let wordSeparator: Character = "\u{1e}"

  /// Reads a log; a missing one is empty.
  package init(path: String) throws(SystemError) {
    guard Files.exists(path) else { return }
    for line in try WholeFile.text(path).split(separator: "\n") {
      let fields = line.split(separator: Self.separator, omittingEmptySubsequences: false).map(String.init)
      guard fields.count == 6, let kind = Record.Kind(rawValue: fields[0]), let phase = Int(fields[1]) else {
        continue
      }
      records.append(
        Record(
          kind: kind, phase: phase, output: fields[2], kept: fields[3], directory: fields[4],
          command: fields[5].split(separator: Self.wordSeparator, omittingEmptySubsequences: false).map(
            String.init)))
    }
  }

  /// Appends a record, whole even if several compilers do so at once.
  package static func append(_ record: Record, to path: String) throws(SystemError) {
    // A command that no line can hold is not known.
    let isPlain = record.command.allSatisfy { word in
      !word.contains { $0.isNewline || $0 == separator || $0 == wordSeparator }
    }
    let command = isPlain ? record.command.joined(separator: String(wordSeparator)) : ""
    let line = [
      record.kind.rawValue, String(record.phase), record.output, record.kept, record.directory, command,
    ].joined(separator: String(separator))
    try Files.append(Array((line + "\n").utf8), to: path)
  }
}
