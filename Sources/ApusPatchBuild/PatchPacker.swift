internal import ApusCore
package import ApusELF
package import ApusPatchObject

/// Makes a patch object of object files with functions that were written to replace others.
///
/// All sections of the files that programs are made of come along, with these exceptions: what tools read only; of COMDAT groups of one
/// name all but the first; and variables, virtual tables and type descriptions of COMDAT groups that the module has already, for there
/// must be one of each.
///
/// The sections of a file belong to the module whose functions it replaces; if it replaces none, to that of its callbacks; without
/// these, to that of the files that refer to it, if that is one; else to the first module.
package struct PatchPacker {
  /// An object file and its path.
  package typealias Input = (path: String, object: ObjectFile)

  /// A symbol of one of the files.
  struct Definition: Hashable {
    var input: Int
    var symbol: Int
  }
  struct Named: Hashable {
    var module: Int
    var name: String
  }
  struct Replacement {
    var new: Definition
    var old: LinkedModule.Symbol
    var module: Int
    var origin: PackOrigin
  }

  let manifest: PatchManifest
  let modules: [LinkedModule]
  let libraries: [ELFImage]
  let inputs: [Input]
  let architecture: Architecture
  var declared: [DeclaredRecords] = []
  var replacements: [Replacement] = []
  /// For each file, the number of its module.
  var owners: [Int] = []
  /// Functions and variables that other files see, by name, those that count first.
  var byName: [String: [Definition]] = [:]

  // What PatchPacker+Layout.swift makes.
  var sections = [ObjectSection(name: "", type: SectionType.null, flags: 0)]
  var sectionModules = [0]
  var symbols = [ObjectSymbol(name: "")]
  var references: [PatchObject.Reference] = []
  /// For each file and section, whether it comes along.
  var isKept: [[Bool]] = []
  /// Of a file's section, its number and its symbol's in the patch.
  var placed: [[Int: (section: Int, symbol: Int)]] = []
  /// Of a file's symbol, its number in the patch.
  var numbers: [[Int: Int]] = []
  /// Which definition of a name counts.
  var winners: [Named: Definition] = [:]
  var referenceOf: [PatchObject.Place: Int] = [:]
  var outside: [Named: Int] = [:]
  var usedChoices: Set<String> = []
  /// What the modules and their libraries export, once somebody has asked.
  var exported: Set<String>?

  /// What the author should know, though the patch was made.
  package private(set) var notes: [String] = []

  /// - Parameters:
  ///   - modules: what the manifest's lines name, in their order.
  ///   - libraries: what these need, as far as it is known, for ``notes`` only.
  package init(
    _ manifest: PatchManifest, modules: [LinkedModule], libraries: [ELFImage], inputs: [Input]
  ) throws(PackError) {
    guard let first = modules.first else { throw .noModule(manifest: manifest.file) }
    self.manifest = manifest
    self.modules = modules
    self.libraries = libraries
    self.inputs = inputs
    architecture = first.image.architecture
    for (index, module) in modules.enumerated() {
      let origin =
        manifest.modules.indices.contains(index)
        ? manifest.modules[index].origin : PackOrigin(file: manifest.file, line: 0)
      guard module.hasSymbols else { throw .stripped(origin, module: module.name) }
      guard module.image.architecture == architecture else {
        throw .architecture(file: first.path, architecture, module: module.path, module.image.architecture)
      }
      guard !modules[..<index].contains(where: { $0.name == module.name }) else {
        throw .sameName(origin, module: module.name)
      }
    }
    for input in inputs { try check(input) }
  }

  mutating func note(_ text: String) {
    if !notes.contains(text) { notes.append(text) }
  }

  /// The patch.
  ///
  /// - Parameter name: of the patch, if the manifest has none.
  package mutating func pack(name: String) throws(PackError) -> PatchObject {
    for input in inputs { declared.append(try DeclaredRecords(input.object, file: input.path)) }
    findDefinitions()
    try findReplacements()
    guard !replacements.isEmpty else { throw .nothingReplaced }
    try findOwners()
    try choose()
    try define()
    try relocate()
    let functions = replacements.map {
      PatchObject.Function(
        symbol: number(of: $0.new), old: modules[$0.module].place($0.old, module: $0.module),
        reasons: ["written to replace it (\($0.origin))"])
    }
    var patch = PatchObject(
      architecture, name: manifest.name ?? name, isReplacement: manifest.isReplacement,
      modules: modules.map(\.identity), sections: sections, sectionModules: sectionModules, symbols: symbols,
      functions: functions, references: references, callbacks: try callbacks(),
      shadowVariables: try shadowVariables(), states: try states(), quiescent: try quiescentFunctions())
    for choice in manifest.choices where !usedChoices.contains(choice.symbol.name) {
      throw .unusedChoice(choice.origin, choice.symbol.name)
    }
    patch.putLocalSymbolsFirst()
    return patch
  }

  // MARK: What no running program can take in

  private func check(_ input: Input) throws(PackError) {
    let (path, object) = input
    func refuse(_ rule: Refusal.Rule, _ symbol: String, _ why: String) -> PackError {
      .refused(file: path, Refusal(rule: rule, symbol: symbol, why: why))
    }
    guard !object.isForLinkTimeOptimisation else {
      throw refuse(
        .linkTimeOptimisation, object.sourceName ?? "the file",
        "its machine code is made when a program is linked")
    }
    guard object.architecture == architecture else {
      throw .architecture(file: path, object.architecture, module: modules[0].path, architecture)
    }
    for symbol in object.symbols where !symbol.isUndefined {
      if symbol.place == .common { throw .common(file: path, symbol.name) }
      if symbol.kind == .threadLocal {
        throw refuse(.threadLocalNew, symbol.name, "threads that run have no room for it")
      }
      if symbol.kind == .indirectFunction {
        throw refuse(.indirectFunction, symbol.name, "it would choose when the program starts")
      }
    }
    for section in object.sections where section.size > 0 {
      switch Atom.Kind(section.name, type: section.type, flags: section.flags) {
      case .threadLocal: throw refuse(.threadLocalNew, section.name, "threads that run have no room for it")
      case .constructors:
        throw refuse(.constructor, section.name, "it lists what runs when a program starts or ends")
      default: break
      }
    }
  }

  // MARK: Who replaces whom

  private mutating func findDefinitions() {
    for (input, (_, object)) in inputs.enumerated() {
      for (index, symbol) in object.symbols.enumerated()
      where symbol.binding != .local && !symbol.isUndefined {
        let definition = Definition(input: input, symbol: index)
        if symbol.binding == .weak {
          byName[symbol.name, default: []].append(definition)
        } else {
          byName[symbol.name, default: []].insert(definition, at: 0)
        }
      }
    }
  }

  func symbol(_ definition: Definition) -> ObjectSymbol {
    inputs[definition.input].object.symbols[definition.symbol]
  }

  /// What a record of a file points to: the symbol that names it.
  func definition(
    _ pointer: DeclaredRecords.Pointer, in input: Int, isFunction: Bool, _ origin: PackOrigin
  ) throws(PackError) -> Definition {
    let object = inputs[input].object
    let target = object.symbols[pointer.symbol]
    func fits(_ symbol: ObjectSymbol) -> Bool {
      isFunction ? symbol.isFunction : symbol.kind == .object
    }
    if target.isUndefined {
      guard let found = byName[target.name]?.first, fits(symbol(found)) else {
        throw .notDefined(origin, target.name)
      }
      return found
    }
    let offset = Int64(bitPattern: target.value) &+ pointer.addend
    if target.kind != .section, fits(target), pointer.addend == 0 {
      return Definition(input: input, symbol: pointer.symbol)
    }
    let found = object.symbols.firstIndex {
      fits($0) && $0.section != nil && $0.section == target.section && Int64(bitPattern: $0.value) == offset
    }
    guard let found else {
      throw .notDefined(
        origin, target.name.isEmpty ? "at \(hexadecimal(UInt64(bitPattern: offset)))" : target.name)
    }
    return Definition(input: input, symbol: found)
  }

  /// The function of the objects that a manifest names.
  private func definition(named name: String, _ origin: PackOrigin) throws(PackError) -> Definition {
    if let found = byName[name]?.first, symbol(found).isFunction { return found }
    var local: [Definition] = []
    for (input, (_, object)) in inputs.enumerated() {
      for (index, symbol) in object.symbols.enumerated()
      where symbol.name == name && symbol.isFunction && symbol.section != nil {
        local.append(Definition(input: input, symbol: index))
      }
    }
    guard let found = local.first else { throw .notDefined(origin, name) }
    guard local.count == 1 else {
      throw .severalDefined(origin, name, files: local.map { inputs[$0.input].path })
    }
    return found
  }

  private mutating func findReplacements() throws(PackError) {
    var entries: [CallSites?] = []
    for module in modules {
      do throws(ELFError) { entries.append(try CallSites(module.image)) } catch {
        throw .file(module.path, error)
      }
    }
    var known: [PatchObject.Place: PackOrigin] = [:]
    func add(_ new: Definition, _ wanted: WantedSymbol, _ origin: PackOrigin, _ packer: inout PatchPacker)
      throws(PackError)
    {
      let (module, old) = try packer.function(wanted, origin)
      let name = packer.modules[module].name
      if CompilerName(old.name).isCoroutineBody { throw .coroutine(origin, old.name) }
      if old.isIndirect { throw .indirect(origin, old.name) }
      switch FunctionEntry(old, entries[module], packer.architecture) {
      case .site, .instructions: break
      case .refused(let why):
        throw .entry(origin, old.name, module: name, "its call site cannot be used, \(why)")
      case .tooSmall(let size):
        throw .entry(origin, old.name, module: name, "its \(size) bytes are too few for a jump")
      }
      // Of two names of one function, the entry is one.
      var place = packer.modules[module].place(old, module: module)
      (place.name, place.file, place.position, place.size) = ("", "", 0, 0)
      if let first = known.updateValue(origin, forKey: place) {
        throw .replacedTwice(origin, old.name, first: first)
      }
      packer.replacements.append(Replacement(new: new, old: old, module: module, origin: origin))
    }
    for (input, records) in declared.enumerated() {
      for record in records.replacements {
        let new = try definition(record.new, in: input, isFunction: true, record.origin)
        try add(new, record.old, record.origin, &self)
      }
    }
    for line in manifest.replacements {
      try add(try definition(named: line.new, line.origin), line.old, line.origin, &self)
    }
  }

  private mutating func findOwners() throws(PackError) {
    var found: [Int?] = []
    for (input, (path, _)) in inputs.enumerated() {
      var own = Set(replacements.filter { $0.new.input == input }.map(\.module))
      if own.isEmpty {
        for callback in declared[input].callbacks {
          own.insert(try module(callback.module, callback.origin))
        }
        if own.count > 1 { own = [] }
      }
      guard own.count <= 1 else {
        throw .severalModules(file: path, own.sorted().map { modules[$0].name })
      }
      found.append(own.first)
    }
    // What others refer to goes where they are.
    var hasMore = true
    while hasMore {
      hasMore = false
      for input in inputs.indices where found[input] == nil {
        var users: Set<Int> = []
        for (other, (_, object)) in inputs.enumerated() {
          guard let owner = found[other] else { continue }
          let refers = object.symbols.contains { symbol in
            symbol.isUndefined && (byName[symbol.name] ?? []).contains { $0.input == input }
          }
          if refers { users.insert(owner) }
        }
        if users.count == 1 {
          found[input] = users.first
          hasMore = true
        }
      }
    }
    owners = found.map { $0 ?? 0 }
  }
}
