package import ApusCore

/// The functions of a module and their call sites.
package struct CallSites: Sendable {
  /// What the sites are written for.
  package let architecture: Architecture
  /// All functions: those that symbols name, and those that only a call site shows.
  package let functions: FunctionTable
  /// All sites in order of their slots, the unusable ones too. Later modules may refuse more.
  package var sites: [CallSite]
  /// Entries of the table of sites that lead nowhere.
  package let ignored: IgnoredEntries
  /// Whether the file could have shown its sites: false if its section headers were removed.
  package let hasSectionHeaders: Bool
  /// What else the file was instrumented with.
  package let otherInstrumentation: [OtherInstrumentation]

  /// Finds the functions and sites of `image`.
  ///
  /// `refusing` is asked about each site that is usable so far, and may refuse some modes of it (what must be
  /// seen in instructions, ``SiteRefusal/popsArguments`` say, is not decided here).
  package init(
    _ image: ELFImage, refusing: (FunctionSymbol, CallSite) -> SiteRefusal? = { _, _ in nil }
  ) throws(ELFError) {
    architecture = image.architecture
    hasSectionHeaders = image.hasSectionHeaders
    var entries = try PatchableEntries(image)
    let symbols = try image.functions()
    var finder = try SiteFinder(image, symbols)
    for entry in entries.addresses { try finder.add(entry) }
    if image.hasSectionHeaders { try finder.addUnlisted() }
    let found = try finder.finish()
    entries.ignored.duplicate += found.duplicates
    ignored = entries.ignored

    let all = FunctionTable(Array(symbols) + found.synthetic)
    functions = all
    var sites: [CallSite] = []
    sites.reserveCapacity(found.sites.count)
    for (start, unnumbered) in found.sites {
      var site = unnumbered
      guard let index = all.index(startingAt: start) else { continue }
      site.function = index
      if let refusal = SiteRefusal.named(all[index].names) { site.refuse(refusal) }
      if !site.modes.isEmpty, let refusal = refusing(all[index], site) { site.refuse(refusal) }
      sites.append(site)
    }
    self.sites = sites
    otherInstrumentation = sites.isEmpty ? try OtherInstrumentation.found(in: image) : []
  }

  /// The number of sites that allow some mode.
  package var usableCount: Int { sites.reduce(0) { $1.modes.isEmpty ? $0 : $0 + 1 } }

  /// The number of sites that are not in the table; see ``CallSite/isListed``.
  package var unlistedCount: Int { sites.reduce(0) { $1.isListed ? $0 : $0 + 1 } }

  /// Throws if no site is usable, with what to do about it; `fileName` is how the message names the file.
  package func requireUsable(in fileName: String) throws(NoCallSites) {
    guard usableCount == 0 else { return }
    let cause: NoCallSites.Cause
    if !hasSectionHeaders {
      cause = .sectionHeadersRemoved
    } else if sites.isEmpty {
      cause = .notCompiledIn(found: otherInstrumentation)
    } else {
      var counts: [String: (count: Int, refusal: SiteRefusal)] = [:]
      for site in sites {
        guard let refusal = site.refusal else { continue }
        counts[refusal.key, default: (0, refusal)].count += 1
      }
      let ordered = counts.sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }
      cause = .allRefused(
        ordered.map { NoCallSites.Refused(count: $0.value.count, refusal: $0.value.refusal) })
    }
    throw NoCallSites(fileName: fileName, architecture: architecture, cause: cause)
  }
}
