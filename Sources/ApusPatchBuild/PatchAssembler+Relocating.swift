internal import ApusELF
internal import ApusPatchObject

extension PatchAssembler {
  /// The relocations of the atoms of a part, and the records of how to unwind its functions.
  mutating func relocate(_ part: Part, _ module: Int) throws(AssemblyError) {
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
}
