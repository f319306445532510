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
  }

  package private(set) var records: [Record] = []

  private static let separator: Character = "\u{1f}"

  /// Reads a log; a missing one is empty.
  package init(path: String) throws(SystemError) {
    guard Files.exists(path) else { return }
    for line in try WholeFile.text(path).split(separator: "\n") {
      let fields = line.split(separator: Self.separator, omittingEmptySubsequences: false).map(String.init)
      guard fields.count == 4, let kind = Record.Kind(rawValue: fields[0]), let phase = Int(fields[1]) else {
        continue
      }
      records.append(Record(kind: kind, phase: phase, output: fields[2], kept: fields[3]))
    }
  }

  /// Appends a record, whole even if several compilers do so at once.
  package static func append(_ record: Record, to path: String) throws(SystemError) {
    let line = [record.kind.rawValue, String(record.phase), record.output, record.kept]
      .joined(separator: String(separator))
    try Files.append(Array((line + "\n").utf8), to: path)
  }
}
