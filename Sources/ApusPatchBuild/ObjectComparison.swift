package import ApusELF
package import ApusPatchObject

/// What differs between two builds of one source file.
package struct ObjectComparison {
  /// Why a function counts as changed.
  package enum Reason: Sendable, Hashable, CustomStringConvertible {
    /// Its instructions.
    case code
    /// What one of its instructions refers to.
    case reference(String)
    /// How it is unwound, or where exceptions land.
    case unwinding
    /// A part of it that stands elsewhere.
    case part(String)

    package var description: String {
      switch self {
      case .code: "code"
      case .reference(let name): "refers to \(name)"
      case .unwinding: "unwinding"
      case .part(let name): "its part \(name)"
      }
    }
  }

  /// A function whose code is not what it was.
  package struct Change: Sendable, Hashable {
    package var name: String
    /// Atoms of the new file: the function, and its cold part if it has one.
    package var atoms: [Int]
    /// The atom of the old file.
    package var old: Int
    package var reasons: [Reason]
  }

  package let before: AtomTable
  package let after: AtomTable
  let matching: AtomMatching
  /// In order of place.
  package private(set) var changes: [Change] = []
  /// Functions and variables that are new: atoms of the new file.
  package private(set) var additions: [Int] = []
  /// Those that are no more: atoms of the old file.
  package private(set) var removals: [Int] = []
  /// What a live patch must not do.
  package internal(set) var refusals: [Refusal] = []

  /// Pairs of constants that have been compared, or are being compared.
  private var sameContents: [AtomPair: Bool] = [:]

  private struct AtomPair: Hashable {
    var old: Int
    var new: Int
  }

  /// Compares two files, built of the same source by the same compiler with `-ffunction-sections -fdata-sections`.
  ///
  /// - Parameters:
  ///   - layouts: of the types in both files, if they have debugging information.
  ///   - allowedLayouts: names of types that may change.
  package init(
    before old: ObjectFile, after new: ObjectFile,
    layouts: (before: StructureLayouts, after: StructureLayouts)? = nil, allowedLayouts: Set<String> = []
  ) throws(ELFError) {
    before = try AtomTable(old)
    after = try AtomTable(new)
    matching = AtomMatching(old: before, new: after)
    findChanges()
    additions = after.atoms.indices.filter {
      after.symbol(of: $0) != nil && matching.old[$0] == nil && isOfProgram(after, $0)
    }
    removals = before.atoms.indices.filter {
      before.symbol(of: $0) != nil && matching.new[$0] == nil && isOfProgram(before, $0)
    }
    judge()
    if let layouts { judgeLayouts(layouts.before, layouts.after, allowed: allowedLayouts) }
  }

  /// Nothing can be said of the functions.
  mutating func forgetChanges() {
    changes = []
    additions = []
    removals = []
  }

  /// Whether nothing differs.
  package var isSame: Bool { changes.isEmpty && additions.isEmpty && refusals.isEmpty }

  /// Whether the file as it was is part of a module: some function of its own has its code there, or, of a file without functions,
  /// the module has a variable of its names.
  package func belongs(to module: LinkedModule) -> Bool {
    guard before.object.symbols.count > 1 else { return true }
    func named(_ atom: Int) -> [LinkedModule.Symbol] {
      guard let symbol = before.symbol(of: atom) else { return [] }
      return module.symbols(
        named: symbol.name, isLocal: symbol.binding == .local, file: before.object.sourceName)
    }
    let functions = before.atoms.indices.filter {
      before.atoms[$0].kind == .code && before.symbol(of: $0)?.isFunction ?? false
    }
    guard functions.isEmpty else {
      return functions.contains { module.hasCode(of: $0, in: before) }
    }
    return before.atoms.indices.contains { isOfProgram(before, $0) && !named($0).isEmpty }
  }

  /// Whether two atoms hold the same: bytes, and references to what is the same.
  mutating func holdsSame(_ old: Int, _ new: Int) -> Bool {
    let pair = AtomPair(old: old, new: new)
    if let known = sameContents[pair] { return known }
    sameContents[pair] = true
    let result = firstDifference(old, new) == nil
    sameContents[pair] = result
    return result
  }

  /// How an atom differs from what it was.
  mutating func firstDifference(_ old: Int, _ new: Int) -> Reason? {
    guard hasSameBytes(old, new) else { return .code }
    let left = before.references(of: old)
    let right = after.references(of: new)
    guard left.count == right.count else { return .code }
    for (a, b) in zip(left, right) {
      guard a.place == b.place, a.type == b.type else { return .code }
      if !refersToSame(a.target, b.target) { return .reference(name(b.target)) }
    }
    return nil
  }

  private func hasSameBytes(_ old: Int, _ new: Int) -> Bool {
    let left = before.bytes(of: old)
    let right = after.bytes(of: new)
    if before.atoms[old].size == after.atoms[new].size { return left == right }
    // What fills up behind a nameless string depends on what comes next in its section, and is not read.
    guard before.atoms[old].isNamelessConstant, after.atoms[new].isNamelessConstant, let left, let right,
      abs(left.count - right.count) < 16, !before.isAlone(old), !after.isAlone(new)
    else { return false }
    let common = min(left.count, right.count)
    guard let end = left.firstIndex(of: 0), left.distance(from: left.startIndex, to: end) < common,
      left[end...].allSatisfy({ $0 == 0 })
    else { return false }
    return left.prefix(common) == right.prefix(common)
      && left.dropFirst(common).allSatisfy { $0 == 0 } && right.dropFirst(common).allSatisfy { $0 == 0 }
  }

  private mutating func refersToSame(_ old: Target, _ new: Target) -> Bool {
    switch (old, new) {
    case (.atom(let a, let offset), .atom(let b, let other)):
      guard offset == other else { return false }
      // What is never written is what it holds; its name and address do not matter, unless other files know them: then a
      // change is refused.
      if before.atoms[a].kind.isConstant, after.atoms[b].kind.isConstant, !isShared(before, a),
        !isShared(after, b)
      {
        return holdsSame(a, b)
      }
      // Functions of the compiler's own, whose names it does not tell, come along with who refers to them.
      if before.atoms[a].isNamelessCode, after.atoms[b].isNamelessCode { return holdsSame(a, b) }
      return matching.new[a] == b
    case (.symbol(let a, let offset), .symbol(let b, let other)): return a == b && offset == other
    case (.absolute(let a), .absolute(let b)): return a == b
    // Defined in this file in one build, elsewhere in the other.
    case (.symbol(let a, let offset), .atom(let b, let other)):
      return offset == other && after.symbol(of: b).map { $0.name == a && $0.binding != .local } ?? false
    case (.atom(let a, let offset), .symbol(let b, let other)):
      return offset == other && before.symbol(of: a).map { $0.name == b && $0.binding != .local } ?? false
    default: return false
    }
  }

  /// Whether other files may refer to it by its name.
  func isShared(_ table: AtomTable, _ atom: Int) -> Bool {
    table.symbol(of: atom).map { $0.binding != .local } ?? false
  }

  /// How messages call what is referred to.
  func name(_ target: Target) -> String {
    switch target {
    case .atom(let atom, _): describe(after, atom)
    case .symbol(let name, _): name
    case .absolute: "a number"
    }
  }

  func describe(_ table: AtomTable, _ atom: Int) -> String {
    if let symbol = table.symbol(of: atom), !symbol.name.hasPrefix(".L") { return symbol.name }
    let section = table.object.sections[table.atoms[atom].section]
    if section.holdsStrings, let bytes = table.bytes(of: atom) {
      let text = String(decoding: bytes.prefix(40).filter { $0 != 0 }, as: UTF8.self)
      return "the string \"\(text)\"".replacing("\n", with: "\\n")
    }
    return "a constant in \(section.name)"
  }

  private func isOfProgram(_ table: AtomTable, _ atom: Int) -> Bool {
    switch table.atoms[atom].kind {
    case .ignored, .constructors, .landing: false
    default: !(table.symbol(of: atom)?.name.hasPrefix(".L") ?? true)
    }
  }

  // MARK: Functions

  private mutating func findChanges() {
    var reasons: [Int: [Reason]] = [:]
    var hotParts: [Int: Int] = [:]
    var byName: [String: Int] = [:]
    for (index, atom) in after.atoms.enumerated() where atom.kind == .code {
      for symbol in atom.symbols { byName[after.object.symbols[symbol].name] = index }
    }
    for new in after.atoms.indices where after.atoms[new].kind == .code {
      guard let symbol = after.symbol(of: new), symbol.isFunction else { continue }
      if let hot = CompilerName(symbol.name).hotPart, let parent = byName[hot] { hotParts[new] = parent }
      guard let old = matching.old[new] else { continue }
      var found: [Reason] = []
      if let difference = firstDifference(old, new) { found.append(difference) }
      if !isUnwoundSame(old, new) { found.append(.unwinding) }
      reasons[new] = found
    }
    for (part, parent) in hotParts where !(reasons[part] ?? [.code]).isEmpty && matching.old[parent] != nil {
      reasons[parent, default: []].append(.part(after.symbol(of: part)?.name ?? ""))
    }
    let parts = Dictionary(grouping: hotParts.keys.sorted()) { hotParts[$0] ?? $0 }
    for new in reasons.keys.sorted() where hotParts[new] == nil {
      guard let found = reasons[new], !found.isEmpty, let old = matching.old[new],
        let symbol = after.symbol(of: new)
      else { continue }
      changes.append(Change(name: symbol.name, atoms: [new] + (parts[new] ?? []), old: old, reasons: found))
    }
  }

  /// Whether exceptions land at the same places of the same function, and its frame is described the same.
  private mutating func isUnwoundSame(_ old: Int, _ new: Int) -> Bool {
    guard let left = before.unwinding, let right = after.unwinding else { return true }
    let (a, b) = (before.frames[old], after.frames[new])
    guard let a, let b else { return (a == nil) == (b == nil) }
    /// Without the padding at the end (DW_CFA_nop), which depends on what comes behind.
    func bytes(_ table: AtomTable, _ records: UnwindRecords, _ range: Range<UInt64>) -> ArraySlice<UInt8> {
      var bytes = table.object.sections[records.section].bytes[Int(range.lowerBound)..<Int(range.upperBound)]
      while bytes.last == 0 { bytes.removeLast() }
      return bytes
    }
    guard bytes(before, left, a.instructions) == bytes(after, right, b.instructions) else { return false }
    let landings = (
      a.landingPlace.flatMap { before.referenceTarget(in: left.section, at: $0) },
      b.landingPlace.flatMap { after.referenceTarget(in: right.section, at: $0) }
    )
    switch landings {
    case (nil, nil): return true
    case (.atom(let a, _)?, .atom(let b, _)?): return holdsSame(a, b)
    default: return false
    }
  }
}

extension Atom.Kind {
  var isConstant: Bool { self == .constant || self == .landing }
}
