package import ApusCore

/// What `apus sites` says of a file: each function, its call site, the modes that it allows, or why none.
package struct SiteReport: Sendable {
  /// One function's line. A function with two sites, which no compiler makes, has two lines.
  package struct Row: Sendable {
    /// The function.
    package var function: FunctionSymbol
    /// Its site; nil if it has none.
    package var site: CallSite?
    /// Why some or all modes are refused; nil if all are allowed.
    package var refusal: SiteRefusal?
    /// What can be done.
    package var modes: SiteModes { site?.modes ?? [] }
  }

  /// How the file was named.
  package var fileName: String
  /// What it is for.
  package var architecture: Architecture
  /// How it is linked.
  package var linkage: ELFLinkage
  /// Its build-id, if it has one.
  package var buildID: [UInt8]?
  /// What its code promises about control flow.
  package var protection: ControlFlowProtection
  /// In order of addresses.
  package var rows: [Row]
  /// Entries of the table of sites that lead nowhere.
  package var ignored: IgnoredEntries
  /// What is wrong with the file as a whole, if no site is usable.
  package var noCallSites: NoCallSites?

  /// Reports on `image`, which errors and output call `fileName`; `refusing` as in ``CallSites``.
  package static func of(
    _ image: ELFImage, fileName: String,
    refusing: (FunctionSymbol, CallSite) -> SiteRefusal? = { _, _ in nil }
  ) throws(ELFError) -> SiteReport {
    let found = try CallSites(image, refusing: refusing)
    var rows: [Row] = []
    var sites = found.sites.sorted { $0.function < $1.function }[...]
    for (index, function) in found.functions.enumerated() {
      var hasSite = false
      while let site = sites.first, site.function == index {
        rows.append(Row(function: function, site: site, refusal: site.refusal))
        sites.removeFirst()
        hasSite = true
      }
      if !hasSite {
        rows.append(Row(function: function, site: nil, refusal: function.isColdPart ? .coldPart : .noSite))
      }
    }
    var nothing: NoCallSites?
    do { try found.requireUsable(in: fileName) } catch { nothing = error }
    return SiteReport(
      fileName: fileName, architecture: image.architecture, linkage: image.linkage,
      buildID: try image.buildID(),
      protection: try image.controlFlowProtection(), rows: rows, ignored: found.ignored, noCallSites: nothing)
  }

  /// The number of functions.
  package var functionCount: Int { Set(rows.map(\.function.address)).count }
  /// The number of sites, usable or not.
  package var siteCount: Int { rows.reduce(0) { $1.site == nil ? $0 : $0 + 1 } }
  /// The number of sites that are not in the table; see ``CallSite/isListed``.
  package var unlistedCount: Int { rows.reduce(0) { $1.site?.isListed == false ? $0 + 1 : $0 } }
  /// The number of sites that allow some mode.
  package var usableCount: Int { rows.reduce(0) { $1.modes.isEmpty ? $0 : $0 + 1 } }
  /// How many rows are refused something, by reason; the most frequent first.
  package var refusedCounts: [(key: String, count: Int)] {
    var counts: [String: Int] = [:]
    for row in rows { if let refusal = row.refusal { counts[refusal.key, default: 0] += 1 } }
    return counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { ($0.key, $0.value) }
  }
  /// The build-id in hexadecimal digits.
  package var buildIDText: String? {
    buildID.map { bytes in
      bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
  }
}
