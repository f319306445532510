import ApusISA

extension CFIRow {
  /// Rows in the order in which they were noted, as a table: of rows for one offset the last one holds, and a row that
  /// changes nothing is left out.
  static func merged(_ rows: [(offset: Int, row: CFIRow)]) -> [CFIRow] {
    var result: [CFIRow] = []
    result.reserveCapacity(rows.count)
    for (offset, row) in rows {
      var row = row
      row.offset = offset
      if result.last?.offset == offset { result.removeLast() }
      if let last = result.last, last.cfaOffset == row.cfaOffset, last.returnAddress == row.returnAddress {
        continue
      }
      result.append(row)
    }
    return result
  }
}
