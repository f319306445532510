import ApusCore

extension SiteReport {
  /// The report as lines of text: a heading, one line a function in columns, and a summary.
  ///
  /// `displayName` makes a name for people of a symbol's (demangles it).
  package func text(displayName: (String) -> String = { $0 }) -> String {
    var lines: [String] = []
    lines.append(
      "\(fileName): \(architecture) \(linkage.rawValue)" + (buildIDText.map { ", build-id \($0)" } ?? ""))
    var table = [["ADDRESS", "SIZE", "SITE", "SLOT", "BYTES", "MODES", "FUNCTION"]]
    for row in rows { table.append(cells(row, displayName)) }
    if table.count > 1 { lines += aligned(table) }
    lines += summary
    return lines.joined(separator: "\n") + "\n"
  }

  private func cells(_ row: Row, _ displayName: (String) -> String) -> [String] {
    let site = row.site
    var name = displayName(row.function.name)
    if row.function.kind == .resolver { name += " [ifunc resolver]" }
    if let refusal = row.refusal { name += "  (\(refusal))" }
    let bytes = site.map { site in
      (site.bytesBefore > 0 ? "\(site.bytesBefore)+" : "") + "\(site.slotBytes)"
        + (site.hasLandingPad ? " pad" : "")
    }
    return [
      hexadecimal(row.function.address), "\(row.function.size)", site?.kind.rawValue ?? "-",
      site.map { hexadecimal($0.slot) } ?? "-", bytes ?? "-",
      row.modes == .all ? "all" : row.modes.isEmpty ? "-" : row.modes.names.joined(separator: ","), name,
    ]
  }

  /// Rows of cells as lines: columns two spaces apart; addresses and numbers (the first two) to the right.
  private func aligned(_ table: [[String]]) -> [String] {
    var widths = [Int](repeating: 0, count: table.first?.count ?? 0)
    for row in table {
      // The last column needs no width.
      for (column, cell) in row.dropLast().enumerated() {
        widths[column] = max(widths[column], cell.utf8.count)
      }
    }
    return table.map { row in
      var line = ""
      for (column, cell) in row.dropLast().enumerated() {
        let padding = String(repeating: " ", count: max(0, widths[column] - cell.utf8.count))
        line += (column < 2 ? padding + cell : cell + padding) + "  "
      }
      return line + (row.last ?? "")
    }
  }

  private var summary: [String] {
    var line = "\(functionCount) functions, \(siteCount) call sites, \(usableCount) usable"
    let refused = refusedCounts.map { "\($0.count) \($0.key)" }.joined(separator: ", ")
    if !refused.isEmpty { line += "; refused: \(refused)" }
    var lines = [line]
    if unlistedCount > 0 {
      lines.append(
        "\(unlistedCount) of the sites are missing from the file's table, and were found by their nops: "
          + "the linker removed their entries (gcc before 14 with C++; GNU ld and gold with --gc-sections)")
    }
    if ignored != IgnoredEntries() {
      lines.append(
        "table entries ignored: \(ignored.zero) zero, \(ignored.outOfText) out of text, "
          + "\(ignored.duplicate) duplicate"
      )
    }
    if let noCallSites { lines.append(noCallSites.description) }
    return lines
  }
}
