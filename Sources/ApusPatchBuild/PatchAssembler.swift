package import ApusCore
internal import ApusELF
package import ApusPatchObject

/// Puts a patch object together from what changed in object files.
package struct PatchAssembler {
  /// What changed in an object file.
  package struct Changes {
    package var file: String
    /// The object file's path from the root, in the build.
    package var path: String
    package var comparison: ObjectComparison
    /// What it was, without the flags that a patch's builds add; nil where that does not matter or is not known.
    package var plain: AtomTable?

    package init(file: String, path: String = "", comparison: ObjectComparison, plain: AtomTable? = nil) {
      self.file = file
      self.path = path
      self.comparison = comparison
      self.plain = plain
    }
  }

  private let architecture: Architecture
  private var modules: [LinkedModule] = []
  private var sections = [ObjectSection(name: "", type: SectionType.null, flags: 0)]
  private var sectionModules = [0]
  private var symbols: [ObjectSymbol] = [ObjectSymbol(name: "")]
  private var functions: [PatchObject.Function] = []
  private var references: [PatchObject.Reference] = []
  /// Symbols of the patch that other files refer to by name, by module.
  private var exported: [Named: Int] = [:]
  private var referenceOf: [PatchObject.Place: Int] = [:]
  private var importOf: [Named: Int] = [:]

  private struct Named: Hashable {
    var module: Int
    var name: String
  }

  package init(_ architecture: Architecture) { self.architecture = architecture }

  /// Adds what changed in a module.
  package mutating func add(_ changes: [Changes], to module: LinkedModule) throws(AssemblyError) {
    let number = modules.count
    modules.append(module)
    // First all that the patch defines, so that files can refer to each other's.
    var parts: [Part] = []
    for change in changes { parts.append(try choose(change.comparison, change.plain, module)) }
    for index in parts.indices { define(&parts[index], number) }
    for index in parts.indices { try relocate(parts[index], number) }
    for part in parts { try replace(part, number) }
  }

  /// The patch; local symbols come first, as ELF wants it.
  package func finish(name: String, isReplacement: Bool) -> PatchObject {
    var patch = PatchObject(
      architecture, name: name, isReplacement: isReplacement, modules: modules.map(\.identity),
      sections: sections, sectionModules: sectionModules, symbols: symbols, functions: functions,
      references: references)
    patch.putLocalSymbolsFirst()
    return patch
  }

  // MARK: Choosing

  /// What of one object file goes into the patch.
  private struct Part {
    var comparison: ObjectComparison
    var plain: AtomTable?
    /// The changed functions that the module has.
    var changes: [ObjectComparison.Change] = []
    /// Atoms of the new file.
    var atoms: Set<Int> = []
    /// Of an atom in the patch: the number of its section, and where it begins there.
    var places: [Int: (section: Int, offset: UInt64)] = [:]
    /// Of a section of the new file: the number of the patch's and of its symbol.
    var sections: [Int: (section: Int, symbol: Int)] = [:]
    /// Of an atom with a name: its symbol in the patch.
    var symbols: [Int: Int] = [:]
    /// Functions that take the place of others.
    var replaced: Set<Int> = []
  }

  /// Changed functions, and what of their references the module does not have.
  private func choose(
    _ comparison: ObjectComparison, _ plain: AtomTable?, _ module: LinkedModule
  ) throws(AssemblyError) -> Part {
    var part = Part(comparison: comparison, plain: plain)
    let after = comparison.after
    var waiting: [Int] = []
    func include(_ atom: Int) {
      if part.atoms.insert(atom).inserted { waiting.append(atom) }
    }
    // (A function that is inlined everywhere, or that nobody calls, the linker may have left out.)
    part.changes = comparison.changes.filter { !module.named($0.old, in: comparison.before).isEmpty }
    for change in part.changes {
      change.atoms.forEach(include)
      part.replaced.insert(change.atoms[0])
    }
    // What is new and visible to other files may be what they newly call.
    for atom in comparison.additions {
      let binding = after.symbol(of: atom)?.binding
      if binding == .global || binding == .unique { include(atom) }
    }
    while let atom = waiting.popLast() {
      var targets = after.references(of: atom).map(\.target)
      if let frame = after.frames[atom], let unwinding = after.unwinding {
        for place in [frame.landingPlace, personalityPlace(frame, unwinding, after)] {
          if let place, let target = after.referenceTarget(in: unwinding.section, at: place) {
            targets.append(target)
          }
        }
      }
      for case .atom(let target, _) in targets where !part.atoms.contains(target) {
        if try existing(target, part, module) == nil { include(target) }
      }
    }
    return part
  }

  /// The symbol of the module that an atom of the new file is in the running program; nil if it has to come with the patch.
  private func existing(
    _ atom: Int, _ part: Part, _ module: LinkedModule
  ) throws(AssemblyError) -> LinkedModule.Symbol? {
    let comparison = part.comparison
    let after = comparison.after
    guard let symbol = after.symbol(of: atom), !symbol.name.hasPrefix(".L") else { return nil }
    guard let old = comparison.matching.old[atom] else {
      // New in this file; the module may have it from another one (an inline function, say).
      guard symbol.binding != .local else { return nil }
      return module.symbols(named: symbol.name, isLocal: false, file: nil).first
    }
    let before = comparison.before
    var probe = comparison
    if after.atoms[atom].kind.isConstant, !probe.holdsSame(old, atom) { return nil }
    guard let name = before.symbol(of: old) else { return nil }
    let candidates = module.symbols(
      named: name.name, isLocal: name.binding == .local, file: before.object.sourceName)
    if before.atoms[old].kind == .code {
      let found = module.symbols(ofFunction: old, in: before, plain: part.plain)
      if found.count == 1 { return found[0] }
      guard found.isEmpty else {
        throw AssemblyError(ambiguous: name.name, in: module, found)
      }
      return candidates.count == 1 ? candidates[0] : nil
    }
    if candidates.count > 1 {
      let exact = AddressProbe(module, before).addresses(of: old)
      let fitting = candidates.filter { exact.contains($0.address) }
      guard fitting.count == 1 else {
        throw AssemblyError(ambiguous: name.name, in: module, candidates)
      }
      return fitting[0]
    }
    return candidates.first
  }

  private func personalityPlace(
    _ frame: UnwindRecords.Frame, _ records: UnwindRecords, _ table: AtomTable
  ) -> UInt64? {
    guard let common = records.commons[frame.common] else { return nil }
    return table.object.sections[records.section].relocations(in: common.range).first?.offset
  }

  // MARK: Defining

  /// Lays the chosen atoms into sections of the patch, and makes their symbols.
  private mutating func define(_ part: inout Part, _ module: Int) {
    let after = part.comparison.after
    for atom in part.atoms.sorted(by: {
      (after.atoms[$0].section, after.atoms[$0].range.lowerBound, $0)
        < (after.atoms[$1].section, after.atoms[$1].range.lowerBound, $1)
    }) {
      // An inline function or a variable that another file has brought already.
      if let symbol = after.symbol(of: atom), symbol.binding != .local,
        let known = exported[Named(module: module, name: symbol.name)]
      {
        part.symbols[atom] = known
        continue
      }
      let original = after.atoms[atom].section
      let source = after.object.sections[original]
      if part.sections[original] == nil {
        part.sections[original] = (sections.count, symbols.count)
        symbols.append(ObjectSymbol(name: "", kind: .section, place: .section(sections.count)))
        sectionModules.append(module)
        sections.append(
          ObjectSection(
            name: source.name, type: source.type,
            flags: source.flags & ~(SectionFlag.merge | SectionFlag.strings | SectionFlag.group),
            alignment: source.alignment))
      }
      guard let number = part.sections[original]?.section else { continue }
      let offset = place(atom, after, in: number)
      part.places[atom] = (number, offset)
      guard let name = after.symbol(of: atom), !name.name.hasPrefix(".L") else { continue }
      for index in after.atoms[atom].symbols {
        var symbol = after.object.symbols[index]
        symbol.place = .section(number)
        symbol.value = offset + (symbol.value - after.atoms[atom].range.lowerBound)
        if symbol.binding != .local { symbol.binding = .global }
        if part.symbols[atom] == nil { part.symbols[atom] = symbols.count }
        if symbol.binding != .local { exported[Named(module: module, name: symbol.name)] = symbols.count }
        symbols.append(symbol)
      }
    }
  }

  /// Appends an atom's contents to a section, at a place with its alignment; gives the offset.
  private mutating func place(_ atom: Int, _ table: AtomTable, in section: Int) -> UInt64 {
    let alignment = sections[section].alignment
    let residue = table.atoms[atom].range.lowerBound % alignment
    var offset = sections[section].size
    while offset % alignment != residue { offset += 1 }
    let filler: UInt8 = sections[section].isCode && architecture == .x86_64 ? 0xcc : 0
    if let bytes = table.bytes(of: atom) {
      sections[section].bytes += [UInt8](
        repeating: filler, count: Int(offset) - sections[section].bytes.count)
      sections[section].bytes += bytes
    }
    sections[section].size = offset + table.atoms[atom].size
    return offset
  }

  // MARK: Relocating

  private mutating func relocate(_ part: Part, _ module: Int) throws(AssemblyError) {
    let after = part.comparison.after
    // In order, so that a change makes the same patch each time.
    for (atom, (section, offset)) in part.places.sorted(by: { $0.key < $1.key }) {
      let source = after.object.sections[after.atoms[atom].section]
      let relocations = source.relocations(in: after.atoms[atom].range)
      for (relocation, reference) in zip(relocations, after.references(of: atom)) {
        let code = after.atoms[atom].kind == .code ? after.bytes(of: atom) ?? [] : []
        let isBranch = RelocationExtent.isBranch(
          relocation.type, at: Int(reference.place), of: code, architecture)
        let (symbol, addend) = try resolve(relocation, reference.target, part, module, isBranch: isBranch)
        sections[section].relocations.append(
          ELFRelocation(
            offset: offset + (relocation.offset - after.atoms[atom].range.lowerBound), type: relocation.type,
            symbol: UInt32(symbol), addend: addend))
      }
    }
    for section in Set(part.places.values.map(\.section)) {
      sections[section].relocations.sort { $0.offset < $1.offset }
    }
    try writeUnwinding(part, module)
  }

  /// The symbol and the addend in the patch of what a relocation of the new file refers to.
  private mutating func resolve(
    _ relocation: ELFRelocation, _ target: Target, _ part: Part, _ module: Int, isBranch: Bool
  ) throws(AssemblyError) -> (symbol: Int, addend: Int64) {
    let after = part.comparison.after
    let original = after.object.symbols[Int(relocation.symbol)]
    switch target {
    case .absolute: return (0, relocation.addend)
    case .symbol(let name, _):
      return (symbol(named: name, original, module, isBranch: isBranch), relocation.addend)
    case .atom(let atom, let offset):
      let isSection = original.kind == .section
      if let other = overriding(original, atom, part, module) {
        return (reference(to: other, in: module, original.kind), relocation.addend)
      }
      // From the atom's start: what the original's symbol is away from it.
      let start = Int64(after.atoms[atom].range.lowerBound)
      let distance = (isSection ? 0 : Int64(original.value)) - start
      // The address of a function that is replaced stays what it was: the program may compare it. Places inside are the new
      // code's.
      let isWanted = isBranch || offset != 0 || !part.replaced.contains(atom)
      if isWanted, let symbol = part.symbols[atom] { return (symbol, relocation.addend &+ distance) }
      if isWanted, let place = part.places[atom], let section = part.sections[after.atoms[atom].section] {
        return (section.symbol, relocation.addend &+ distance &+ Int64(place.offset))
      }
      guard let found = try existing(atom, part, modules[module]) else {
        throw .notThere(function: part.comparison.describe(after, atom), module: modules[module].name)
      }
      let kind = isSection ? after.symbol(of: atom)?.kind ?? .none : original.kind
      return (
        reference(to: alias(of: found, original, module), in: module, kind), relocation.addend &+ distance
      )
    }
  }

  /// What the linker has chosen for a function's name that all files see, if that is not the file's own function: another file's,
  /// which overrides a weak one, or what bears this name beside it (IFUNC).
  private func overriding(
    _ original: ObjectSymbol, _ atom: Int, _ part: Part, _ module: Int
  ) -> LinkedModule.Symbol? {
    let before = part.comparison.before
    guard original.binding != .local, original.kind != .section, let old = part.comparison.matching.old[atom],
      before.atoms[old].kind == .code,
      let chosen = modules[module].symbols(named: original.name, isLocal: false, file: nil).first
    else { return nil }
    let own = modules[module].symbols(ofFunction: old, in: before, plain: part.plain)
    let isOwn = own.contains { $0.address == chosen.address && $0.isIndirect == chosen.isIndirect }
    return isOwn || own.isEmpty ? nil : chosen
  }

  /// Of several names of one place in a module, that which a reference is by: a function that chooses (IFUNC) and what it chooses for
  /// stand at one place.
  private func alias(
    of found: LinkedModule.Symbol, _ original: ObjectSymbol, _ module: Int
  ) -> LinkedModule.Symbol {
    let same = modules[module].symbols(at: found.address)
    if original.kind == .section {
      return found.isIndirect ? same.first { $0.isFunction && !$0.isIndirect } ?? found : found
    }
    return same.first { $0.name == original.name } ?? found
  }

  /// The symbol of what another file defines: the patch's own, the module's, or another module's.
  private mutating func symbol(
    named name: String, _ original: ObjectSymbol, _ module: Int, isBranch: Bool
  ) -> Int {
    if let own = exported[Named(module: module, name: name)] { return own }
    if let found = modules[module].symbols(named: name, isLocal: false, file: nil).first {
      return reference(to: found, in: module, original.kind)
    }
    let key = Named(module: module, name: name)
    if let known = importOf[key] { return known }
    let place = PatchObject.Place(module: module, name: name, file: "", position: 0, address: 0, size: 0)
    importOf[key] = reference(.imported, place, original.kind, binding: original.binding)
    return importOf[key] ?? 0
  }

  /// The symbol of what a module has. (A function that chooses one is marked: what it has chosen is meant.)
  private mutating func reference(
    to found: LinkedModule.Symbol, in module: Int, _ type: ObjectSymbol.Kind
  ) -> Int {
    let place = modules[module].place(found, module: module)
    return reference(.module, place, found.isIndirect ? .indirectFunction : type)
  }

  private mutating func reference(
    _ kind: PatchObject.Reference.Kind, _ place: PatchObject.Place, _ type: ObjectSymbol.Kind,
    binding: ObjectSymbol.Binding = .global
  ) -> Int {
    if let known = referenceOf[place] { return known }
    let symbol = symbols.count
    symbols.append(
      ObjectSymbol(
        name: place.name, binding: binding == .weak ? .weak : .global, kind: type == .section ? .none : type))
    referenceOf[place] = symbol
    references.append(PatchObject.Reference(symbol: symbol, kind: kind, place: place))
    return symbol
  }

  // MARK: Unwinding and replacing

  /// The records of how to unwind the functions of the patch.
  private mutating func writeUnwinding(_ part: Part, _ module: Int) throws(AssemblyError) {
    let after = part.comparison.after
    guard let records = after.unwinding else { return }
    let source = after.object.sections[records.section]
    let framed = part.places.keys.filter { after.frames[$0] != nil }.sorted()
    guard !framed.isEmpty else { return }
    var output = ObjectSection(
      name: source.name, type: source.type, flags: source.flags, alignment: source.alignment)
    var commons: [UInt64: UInt64] = [:]
    func patch(_ value: UInt32, at offset: UInt64) {
      for index in 0..<4 {
        output.bytes[Int(offset) + index] = UInt8(truncatingIfNeeded: value >> UInt32(8 * index))
      }
    }
    func append(_ assembler: inout PatchAssembler, _ range: Range<UInt64>) throws(AssemblyError) -> UInt64 {
      let start = UInt64(output.bytes.count)
      output.bytes += source.bytes[Int(range.lowerBound)..<Int(range.upperBound)]
      for relocation in source.relocations(in: range) {
        guard let target = after.referenceTarget(in: records.section, at: relocation.offset) else { continue }
        let (symbol, addend) = try assembler.resolve(relocation, target, part, module, isBranch: true)
        output.relocations.append(
          ELFRelocation(
            offset: start + relocation.offset - range.lowerBound, type: relocation.type,
            symbol: UInt32(symbol),
            addend: addend))
      }
      return start
    }
    for atom in framed {
      guard let frame = after.frames[atom], let common = records.commons[frame.common] else { continue }
      if commons[frame.common] == nil { commons[frame.common] = try append(&self, common.range) }
      let start = try append(&self, frame.range)
      patch(UInt32(start + 4 - (commons[frame.common] ?? 0)), at: start + 4)
    }
    output.size = UInt64(output.bytes.count)
    sectionModules.append(module)
    sections.append(output)
  }

  private mutating func replace(_ part: Part, _ module: Int) throws(AssemblyError) {
    for change in part.changes {
      guard let symbol = part.symbols[change.atoms[0]] else { continue }
      let name = modules[module].name
      let candidates = modules[module].symbols(
        ofFunction: change.old, in: part.comparison.before, plain: part.plain)
      guard let old = candidates.first else { throw .notThere(function: change.name, module: name) }
      guard candidates.count == 1 else {
        throw AssemblyError(ambiguous: change.name, in: modules[module], candidates)
      }
      // An inline function that several files have is one.
      if functions.contains(where: { $0.symbol == symbol && $0.old.module == module }) { continue }
      functions.append(
        PatchObject.Function(
          symbol: symbol, old: modules[module].place(old, module: module),
          reasons: change.reasons.map(\.description)))
    }
  }
}
