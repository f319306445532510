internal import ApusCore
internal import ApusELF
internal import ApusPatchObject

/// What names mean.
extension PatchPacker {
  /// The number of the module of that name; an empty one means the only one.
  func module(_ name: String, _ origin: PackOrigin) throws(PackError) -> Int {
    let known = modules.map(\.name)
    if name.isEmpty {
      guard modules.count == 1 else { throw .whichModule(origin, known: known) }
      return 0
    }
    guard let found = known.firstIndex(of: name) else {
      throw .unknownModule(origin, name, known: known)
    }
    return found
  }

  /// The symbols of a module that are meant, one for each place.
  private func candidates(_ wanted: WantedSymbol, _ module: Int) -> [LinkedModule.Symbol] {
    let file = wanted.file.isEmpty ? nil : wanted.file
    let every =
      wanted.address == nil || file != nil
      ? file.map { modules[module].symbols(named: wanted.name, isLocal: true, file: $0) }
        ?? modules[module].visibleSymbols(named: wanted.name)
      : modules[module].allSymbols(named: wanted.name)
    var places: Set<Address> = []
    return every.filter {
      (wanted.address == nil || $0.address == wanted.address) && places.insert($0.address).inserted
    }
  }

  private func describe(_ symbol: LinkedModule.Symbol) -> String {
    let kind = symbol.isFunction ? "function" : "variable"
    return
      "\(symbol.name)\(symbol.file.isEmpty ? "" : " of \(symbol.file)") at \(hexadecimal(symbol.address)), a \(kind)"
  }

  /// The one that is meant.
  private func find(
    _ wanted: WantedSymbol, _ module: Int, _ origin: PackOrigin
  ) throws(PackError) -> LinkedModule.Symbol {
    let found = candidates(wanted, module)
    guard let first = found.first else {
      throw .notThere(
        origin, wanted, module: modules[module].name,
        others: modules[module].allSymbols(named: wanted.name).map(describe))
    }
    guard found.count == 1 else {
      throw .ambiguous(origin, wanted.name, module: modules[module].name, candidates: found.map(describe))
    }
    return first
  }

  /// The function of the program that is meant, and its module.
  func function(
    _ wanted: WantedSymbol, _ origin: PackOrigin
  ) throws(PackError) -> (module: Int, symbol: LinkedModule.Symbol) {
    let module = try module(wanted.module, origin)
    let found = try find(wanted, module, origin)
    guard found.isFunction else {
      throw .noFunction(origin, wanted.name, module: modules[module].name)
    }
    return (module, found)
  }

  /// The symbol of the patch that a name stands for which its file does not define.
  mutating func symbol(named original: ObjectSymbol, in input: Int) throws(PackError) -> Int {
    let owner = owners[input]
    let name = original.name
    if let own = winners[Named(module: owner, name: name)] { return number(of: own) }
    for module in modules.indices {
      if let other = winners[Named(module: module, name: name)] { return number(of: other) }
    }
    if let known = outside[Named(module: owner, name: name)] {
      // Who needs it, needs it for all.
      if original.binding != .weak, symbols[known].binding == .weak { symbols[known].binding = .global }
      return known
    }
    let result = try find(original, in: input)
    outside[Named(module: owner, name: name)] = result
    return result
  }

  private mutating func find(_ original: ObjectSymbol, in input: Int) throws(PackError) -> Int {
    let owner = owners[input]
    let name = original.name
    let place = PatchObject.Place(module: owner, name: name, file: "", position: 0, address: 0, size: 0)
    if PatchObject.providedFunctions.contains(name) { return reference(.provided, place, original) }
    if let choice = manifest.choices.first(where: { $0.symbol.name == name }) {
      usedChoices.insert(name)
      let module = choice.symbol.module.isEmpty ? owner : try module(choice.symbol.module, choice.origin)
      return reference(to: try find(choice.symbol, module, choice.origin), in: module, original)
    }
    let found = candidates(WantedSymbol(name: name), owner)
    guard found.count <= 1 else {
      throw .ambiguousReference(
        file: inputs[input].path, name, module: modules[owner].name, candidates: found.map(describe))
    }
    if let found = found.first { return reference(to: found, in: owner, original) }
    if original.binding != .weak, !PatchCheck.ofLinker.contains(name), try !isExported(name) {
      note(
        "\(inputs[input].path): \(name) is not in \(modules[owner].name), and no library that it needs exports it: is the name right?"
      )
    }
    return reference(.imported, place, original)
  }

  /// Whether a module or a library is known to export a name.
  private mutating func isExported(_ name: String) throws(PackError) -> Bool {
    if let exported { return exported.contains(name) }
    var names: Set<String> = []
    for (path, image) in modules.map({ ($0.path, $0.image) }) + libraries.map({ ("a library", $0) }) {
      do throws(ELFError) { names.formUnion(try PatchCheck.exports(image)) } catch {
        throw .file(path, error)
      }
    }
    exported = names
    return names.contains(name)
  }

  mutating func reference(
    to found: LinkedModule.Symbol, in module: Int, _ original: ObjectSymbol
  ) -> Int {
    var original = original
    if found.isThreadLocal { original.kind = .threadLocal }
    if found.isIndirect { original.kind = .indirectFunction }
    original.binding = .global
    return reference(.module, modules[module].place(found, module: module), original)
  }

  private mutating func reference(
    _ kind: PatchObject.Reference.Kind, _ place: PatchObject.Place, _ original: ObjectSymbol
  ) -> Int {
    if let known = referenceOf[place] { return known }
    let symbol = symbols.count
    symbols.append(
      ObjectSymbol(
        name: place.name, binding: original.binding == .weak ? .weak : .global,
        kind: original.kind == .section ? .none : original.kind))
    referenceOf[place] = symbol
    references.append(PatchObject.Reference(symbol: symbol, kind: kind, place: place))
    return symbol
  }
}
