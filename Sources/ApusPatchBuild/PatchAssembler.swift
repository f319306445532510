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

  let architecture: Architecture
  var modules: [LinkedModule] = []
  var sections = [ObjectSection(name: "", type: SectionType.null, flags: 0)]
  var sectionModules = [0]
  var symbols: [ObjectSymbol] = [ObjectSymbol(name: "")]
  var functions: [PatchObject.Function] = []
  var references: [PatchObject.Reference] = []
  /// Symbols of the patch that other files refer to by name, by module.
  var exported: [Named: Int] = [:]
  var referenceOf: [PatchObject.Place: Int] = [:]
  var importOf: [Named: Int] = [:]

  struct Named: Hashable {
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

  /// What of one object file goes into the patch.
  struct Part {
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
    let size = sections[section].size
    let offset = size + (table.atoms[atom].range.lowerBound &- size) & (alignment - 1)
    let filler: UInt8 = sections[section].isCode ? architecture.linkedCode.filler : 0
    if let bytes = table.bytes(of: atom) {
      sections[section].bytes += [UInt8](
        repeating: filler, count: Int(offset) - sections[section].bytes.count)
      sections[section].bytes += bytes
    }
    sections[section].size = offset + table.atoms[atom].size
    return offset
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
