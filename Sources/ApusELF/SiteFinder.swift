import ApusCore

/// Works out, for each entry of the table of call sites, its function and its slot.
struct SiteFinder {
  private let image: ELFImage
  private let architecture: Architecture
  private let symbols: FunctionTable
  private let frames: FrameTable?
  private var found: [Found] = []

  /// A site, before its function has a number.
  private struct Found {
    var function: AddressRange
    var isNamed: Bool
    var site: CallSite
    var nops: NopRun
  }

  init(_ image: ELFImage, _ symbols: FunctionTable) throws(ELFError) {
    self.image = image
    self.symbols = symbols
    architecture = image.architecture
    frames = try FrameTable(image)
    searchBudget = image.source.byteCount.multipliedReportingOverflow(by: 4).partialValue
  }

  /// The most bytes that are looked at before a function or in a slot: far more than anybody uses, and few
  /// enough that a hostile file cannot keep us busy.
  private let longestRun: UInt64 = 4096
  /// How many more bytes may be searched for branches, all functions together.
  private var searchBudget: UInt64

  /// Works out the site whose entry in the table is `entry`.
  mutating func add(_ entry: Address) throws(ELFError) {
    guard let owner = try owner(of: entry) else {
      // The nops at `entry` may stand before the function: nothing may be written.
      return try append(
        Owner(function: AddressRange(entry, entry), body: entry, isNamed: false), entry: entry, slot: entry,
        hasPad: false, refusal: .unknownStart)
    }
    let body = owner.body
    var slot = max(entry, body)
    var hasPad = false
    var refusal: SiteRefusal?
    if entry > body {
      // Only a landing pad may stand between.
      let between = min(entry - body, UInt64(2 * landingPadBytes + 1))
      let head = try image.bytes(at: body, upTo: between)
      hasPad = between == UInt64(landingPadBytes) && architecture.startsWithLandingPad(head[...])
      if architecture.signsReturnAddress(head[...]) {
        hasPad = true
        refusal = .signedReturnAddress
      } else if !hasPad {
        refusal = .unexpectedLayout
      }
    } else if entry < body, try !hasOnlyNops(from: entry, to: body) {
      refusal = .unexpectedLayout
    }
    if !hasPad, refusal == nil {
      let head = try image.bytes(at: slot, upTo: UInt64(landingPadBytes))
      if architecture.startsWithLandingPad(head[...]) {
        hasPad = true
        slot += UInt64(landingPadBytes)
      }
    }
    try append(owner, entry: entry, slot: slot, hasPad: hasPad, refusal: refusal)
  }

  /// Adds the functions that begin with as many nops as a site needs though no entry of the table leads to
  /// them: no compiler makes such code unless it was asked to. Only functions that a symbol names are looked
  /// at.
  mutating func addUnlisted() throws(ELFError) {
    let listed = Set(found.map(\.function.start))
    let needed = architecture.callSites.unlistedBytes
    var window = CodeWindow(image)
    for symbol in symbols where symbol.addresses.end > symbol.localEntry && !listed.contains(symbol.address) {
      // What pads a function that is shorter is none of its nops.
      let length = Int(min(32, symbol.addresses.end - symbol.localEntry))
      let code = try window.bytes(at: symbol.localEntry, upTo: length)
      let hasPad = architecture.startsWithLandingPad(code)
      guard NopRun(hasPad ? code.dropFirst(landingPadBytes) : code, architecture).count >= needed else {
        continue
      }
      let slot = symbol.localEntry &+ UInt64(hasPad ? landingPadBytes : 0)
      try append(Owner(symbol), entry: slot, slot: slot, hasPad: hasPad, isListed: false, refusal: nil)
    }
  }

  /// The function that a site belongs to.
  private struct Owner {
    var function: AddressRange
    /// Where its body begins: its local entry.
    var body: Address
    var isNamed: Bool

    init(function: AddressRange, body: Address, isNamed: Bool) {
      self.function = function
      self.body = body
      self.isNamed = isNamed
    }

    init(_ symbol: FunctionSymbol) {
      self.init(function: symbol.addresses, body: symbol.localEntry, isNamed: true)
    }

    init(_ range: AddressRange) { self.init(function: range, body: range.start, isNamed: false) }
  }

  /// The function that `entry` is in, or else one that only nops divide from it; nil if there is none.
  private func owner(of entry: Address) throws(ELFError) -> Owner? {
    if let index = symbols.index(containing: entry) { return Owner(symbols[index]) }
    if let range = try frames?.range(containing: entry) { return Owner(range) }
    let index = symbols.index(after: entry)
    var next = index < symbols.endIndex ? Owner(symbols[index]) : nil
    if let range = try frames?.range(after: entry), next.map({ range.start < $0.function.start }) ?? true {
      next = Owner(range)
    }
    guard let next, try hasOnlyNops(from: entry, to: next.function.start) else { return nil }
    return next
  }

  /// Whether the bytes of `start ..< end` are nops, the last of which ends at `end`.
  private func hasOnlyNops(from start: Address, to end: Address) throws(ELFError) -> Bool {
    let count = end &- start
    guard count <= longestRun else { return false }
    let bytes = try image.bytes(at: start, upTo: count)
    return UInt64(bytes.count) == count && NopRun(bytes[...], architecture).count == bytes.count
  }

  private mutating func append(
    _ owner: Owner, entry: Address, slot: Address, hasPad: Bool, isListed: Bool = true, refusal: SiteRefusal?
  ) throws(ELFError) {
    let function = owner.function
    // The slot ends where the function does, and where another begins.
    var limit = longestRun
    if !function.isEmpty { limit = min(limit, function.end > slot ? function.end - slot : 0) }
    let next = symbols.index(after: slot)
    if next < symbols.endIndex { limit = min(limit, symbols[next].address - slot) }
    let (nops, bytes) = try nops(at: slot, limit: limit)
    var site = CallSite(
      kind: .patchable, isListed: isListed, entry: entry, slot: slot, slotBytes: 0, resumeOffset: 0,
      bytesBefore: entry < owner.body ? Int(clamping: owner.body - entry) : 0, hasLandingPad: hasPad,
      slotContents: Array(bytes.prefix(32)), function: 0,
      modes: .all, refusal: nil)
    if let refusal { site.refuse(refusal) }
    found.append(Found(function: function, isNamed: owner.isNamed, site: site, nops: nops))
  }

  /// The nops at `slot`, at most `limit` bytes of them, and what was read to see them.
  private func nops(at slot: Address, limit: UInt64) throws(ELFError) -> (NopRun, [UInt8]) {
    var window: UInt64 = 64
    while true {
      let bytes = try image.bytes(at: slot, upTo: min(window, limit))
      var run = NopRun(bytes[...], architecture)
      if run.isCutOff, UInt64(bytes.count) == window, window < limit {
        window *= 8
        continue
      }
      if architecture.callSites.hasNopsOfSeveralLengths { run.dropPadding() }
      return (run, bytes)
    }
  }

  /// The sites in order of their slots, each with its function's address, and the functions that no symbol
  /// names.
  mutating func finish() throws(ELFError) -> (
    sites: [(Address, CallSite)], synthetic: [FunctionSymbol], duplicates: Int
  ) {
    found.sort { ($0.site.slot, $0.site.entry) < ($1.site.slot, $1.site.entry) }
    let needed = architecture.callSiteNeeds.slotBytes
    let usual = usualSlotBytes()
    var sites: [(Address, CallSite)] = []
    var synthetic: [FunctionSymbol] = []
    var duplicates = 0
    for item in found {
      if let last = sites.last, last.1.slot == item.site.slot {
        duplicates += 1
        continue
      }
      var nops = item.nops
      if architecture.callSites.hasNopsOfSeveralLengths, usual < needed, nops.count >= needed {
        // So many nops were perhaps not asked for: the function's own first instruction may be one.
        nops.limit(to: try firstBranchTarget(in: item) ?? nops.count)
      }
      var site = item.site
      site.slotBytes = nops.count
      site.resumeOffset = nops.boundary(from: needed) ?? nops.count
      site.slotContents = Array(site.slotContents.prefix(nops.count))
      if nops.count == 0 {
        site.refuse(.noNops)
      } else if nops.count < needed {
        site.refuse(.slotTooSmall(bytes: nops.count, architecture))
      }
      sites.append((item.function.start, site))
      if !item.isNamed {
        synthetic.append(
          .synthetic(
            at: item.function.start, size: item.function.count,
            section: image.sections.first { $0.isText && $0.addresses.contains(item.site.slot) }?.index ?? 0))
      }
    }
    return (sites, synthetic, duplicates)
  }

  /// The most frequent number of bytes in a slot: what the file was most likely compiled with.
  private func usualSlotBytes() -> Int {
    var counts: [Int: Int] = [:]
    for item in found { counts[item.nops.count, default: 0] += 1 }
    return counts.max { ($0.value, $0.key) < ($1.value, $1.key) }?.key ?? 0
  }

  /// The distance from the slot of the first byte in it (its own first apart) that a direct branch in the
  /// function may lead to; nil if none does.
  private mutating func firstBranchTarget(in item: Found) throws(ELFError) -> Int? {
    let slot = item.site.slot
    guard item.function.end > slot else { return nil }
    let size = item.function.end - slot
    // Overlapping functions, which no compiler makes: as if there were a branch to the second byte.
    guard size <= searchBudget else { return 1 }
    searchBudget -= size
    let bytes = try image.bytes(at: slot, upTo: size)
    return architecture.callSites.firstBranchTarget(in: bytes, below: item.nops.count)
  }
}
