internal import ApusCore
internal import ApusELF
internal import ApusPatchObject

/// What comes along, and where it stands in the patch.
extension PatchPacker {
  // MARK: Choosing

  /// Chooses the sections, and of several definitions of a name the one that counts.
  mutating func choose() throws(PackError) {
    var groups: Set<Named> = []
    for (input, (path, object)) in inputs.enumerated() {
      let owner = owners[input]
      var kept = object.sections.map { section in
        section.isAllocated && !section.name.hasPrefix(DeclaredRecords.prefix)
          && Atom.Kind(section.name, type: section.type, flags: section.flags) != .ignored
      }
      for group in object.groups where group.isCOMDAT {
        let isFirst = groups.insert(Named(module: owner, name: group.signature)).inserted
        let isElsewhere = try hasModule(group, of: object, path, owner)
        if !isFirst || isElsewhere {
          for member in group.members { kept[member] = false }
        }
      }
      isKept.append(kept)
      for (index, symbol) in object.symbols.enumerated() where symbol.binding != .local {
        guard symbol.place == .absolute || symbol.section.map({ kept[$0] }) ?? false else { continue }
        try enter(Definition(input: input, symbol: index), Named(module: owner, name: symbol.name))
      }
    }
  }

  /// Whether a group holds variables only and the module has all of them.
  private func hasModule(
    _ group: SectionGroup, of object: ObjectFile, _ path: String, _ owner: Int
  ) throws(PackError) -> Bool {
    let members = Set(group.members)
    let defined = object.symbols.filter {
      $0.binding != .local && ($0.section.map(members.contains) ?? false)
    }
    guard !defined.isEmpty, defined.allSatisfy({ $0.kind == .object }) else { return false }
    for symbol in defined {
      let found = modules[owner].symbols(named: symbol.name, isLocal: false, file: nil).first
      guard let found, found.file.isEmpty else { return false }
      guard found.size == symbol.size else {
        throw .refused(
          file: path,
          Refusal(
            rule: .dataSize, symbol: symbol.name,
            why: "it has \(symbol.size) bytes instead of \(found.size), and the one that exists cannot grow"))
      }
    }
    return true
  }

  private mutating func enter(_ definition: Definition, _ named: Named) throws(PackError) {
    let symbol = symbol(definition)
    if let first = winners[named] {
      if symbol.binding == .weak { return }
      guard self.symbol(first).binding == .weak else {
        throw .definedTwice(
          named.name, files: [inputs[first.input].path, inputs[definition.input].path])
      }
    }
    winners[named] = definition
    guard symbol.kind == .object else { return }
    let existing = modules[named.module].symbols(named: named.name, isLocal: false, file: nil)
    if existing.contains(where: { $0.file.isEmpty && !$0.isFunction }) {
      note(
        "\(inputs[definition.input].path): the patch has a \(named.name) of its own beside that of \(modules[named.module].name): declare it extern if that is meant"
      )
    }
  }

  // MARK: Defining

  /// Makes the patch's sections and the symbols of what they hold.
  mutating func define() throws(PackError) {
    for (input, (_, object)) in inputs.enumerated() {
      var places: [Int: (section: Int, symbol: Int)] = [:]
      for (index, section) in object.sections.enumerated() where isKept[input][index] && section.size > 0 {
        places[index] = add(section, owners[input])
      }
      var own: [Int: Int] = [:]
      for (index, symbol) in object.symbols.enumerated() where index > 0 {
        var symbol = symbol
        if let section = symbol.section {
          guard let place = places[section] else { continue }
          guard symbol.kind != .section else {
            own[index] = place.symbol
            continue
          }
          symbol.place = .section(place.section)
        } else if symbol.place != .absolute {
          continue
        }
        if symbol.binding != .local {
          guard
            winners[Named(module: owners[input], name: symbol.name)]
              == Definition(input: input, symbol: index)
          else { continue }
          symbol.binding = .global
        }
        own[index] = symbols.count
        symbols.append(symbol)
      }
      placed.append(places)
      numbers.append(own)
    }
  }

  /// Appends a section without its relocations, and its symbol.
  private mutating func add(_ section: ObjectSection, _ module: Int) -> (section: Int, symbol: Int) {
    let place = (section: sections.count, symbol: symbols.count)
    symbols.append(ObjectSymbol(name: "", kind: .section, place: .section(place.section)))
    sectionModules.append(module)
    sections.append(
      ObjectSection(
        name: section.name, type: section.type,
        flags: section.flags & ~(SectionFlag.merge | SectionFlag.strings | SectionFlag.group),
        alignment: section.alignment, bytes: section.bytes, size: section.size))
    return place
  }

  /// The symbol in the patch of what a file defines; of what gave way to another, that one's.
  func number(of definition: Definition) -> Int {
    if let number = numbers[definition.input][definition.symbol] { return number }
    let named = Named(module: owners[definition.input], name: symbol(definition).name)
    return winners[named].flatMap { numbers[$0.input][$0.symbol] } ?? 0
  }

  // MARK: Relocating

  mutating func relocate() throws(PackError) {
    // Functions that take the place of one of their own name: their addresses stay the old ones'.
    var sameName: [Int: Replacement] = [:]
    for replacement in replacements where symbol(replacement.new).name == replacement.old.name {
      sameName[number(of: replacement.new)] = replacement
    }
    for (input, (_, object)) in inputs.enumerated() {
      let ends = InstructionEnds(object)
      for (index, section) in object.sections.enumerated() {
        guard let place = placed[input][index] else { continue }
        for relocation in section.relocations {
          var symbol = try resolve(Int(relocation.symbol), in: input, section)
          var addend = relocation.addend
          if let entry = entry(relocation, in: index, symbol, ends, object, sameName) {
            // Of a section's symbol, the function's offset comes out of the addend.
            if object.symbols[Int(relocation.symbol)].kind == .section {
              addend &-= Int64(bitPattern: symbols[number(of: entry.new)].value)
            }
            symbol = reference(
              to: entry.old, in: entry.module, ObjectSymbol(name: "", kind: .function))
          }
          sections[place.section].relocations.append(
            ELFRelocation(
              offset: relocation.offset, type: relocation.type, symbol: UInt32(symbol), addend: addend))
        }
      }
      try writeUnwinding(input)
    }
  }

  /// The replacement whose address a relocation takes, other than to call it.
  private func entry(
    _ relocation: ELFRelocation, in index: Int, _ symbol: Int, _ ends: InstructionEnds, _ object: ObjectFile,
    _ sameName: [Int: Replacement]
  ) -> Replacement? {
    guard !sameName.isEmpty, symbol > 0 else { return nil }
    let section = object.sections[index]
    // (A table of distances in data counts from its own places: it is for places inside.)
    guard section.isCode || RelocationExtent.isAddress(relocation.type, architecture),
      !RelocationExtent.isBranch(
        relocation.type, at: Int(relocation.offset), of: section.bytes[...], architecture)
    else { return nil }
    let offset = relocation.addend &+ ends.bias(relocation, in: index)
    guard object.symbols[Int(relocation.symbol)].kind == .section else {
      return offset == 0 ? sameName[symbol] : nil
    }
    let target = symbols[symbol].section
    return sameName.first { number, _ in
      symbols[number].section == target && Int64(bitPattern: symbols[number].value) == offset
    }?.value
  }

  /// The symbol in the patch of one of a file's symbols.
  mutating func resolve(
    _ symbol: Int, in input: Int, _ section: ObjectSection
  ) throws(PackError) -> Int {
    if symbol == 0 { return 0 }
    if let own = numbers[input][symbol] { return own }
    let original = inputs[input].object.symbols[symbol]
    if original.binding != .local { return try self.symbol(named: original, in: input) }
    if original.isUndefined { return 0 }
    let target =
      original.kind == .section ? original.section.map { inputs[input].object.sections[$0].name } : nil
    throw .leftOut(file: inputs[input].path, section: section.name, target: target ?? original.name)
  }

  // MARK: Unwinding

  /// The records of how to unwind a file's functions, but for those of functions that do not come along.
  private mutating func writeUnwinding(_ input: Int) throws(PackError) {
    let (path, object) = inputs[input]
    for (index, section) in object.sections.enumerated()
    where section.name == ".eh_frame" && section.hasContents {
      let records: UnwindRecords
      do throws(ELFError) { records = try UnwindRecords(object, section: index) } catch {
        throw .file(path, error)
      }
      var output = ObjectSection(
        name: section.name, type: section.type, flags: section.flags & ~SectionFlag.group,
        alignment: section.alignment)
      var commons: [UInt64: UInt64] = [:]
      for frame in records.frames {
        let function = section.relocations(in: frame.functionPlace..<frame.functionPlace + 1).first
        guard let function, let common = records.commons[frame.common],
          let home = object.symbols[Int(function.symbol)].section, placed[input][home] != nil
        else { continue }
        if commons[frame.common] == nil {
          commons[frame.common] = try append(common.range, of: section, input, to: &output)
        }
        let start = try append(frame.range, of: section, input, to: &output)
        let distance = UInt32(truncatingIfNeeded: start + 4 - (commons[frame.common] ?? 0))
        for byte in 0..<4 {
          output.bytes[Int(start) + 4 + byte] = UInt8(truncatingIfNeeded: distance >> UInt32(8 * byte))
        }
      }
      output.size = UInt64(output.bytes.count)
      guard output.size > 0 else { continue }
      sectionModules.append(owners[input])
      sections.append(output)
    }
  }

  /// Appends a record; gives its offset.
  private mutating func append(
    _ range: Range<UInt64>, of section: ObjectSection, _ input: Int, to output: inout ObjectSection
  ) throws(PackError) -> UInt64 {
    let start = UInt64(output.bytes.count)
    output.bytes += section.bytes[Int(range.lowerBound)..<Int(range.upperBound)]
    for relocation in section.relocations(in: range) {
      output.relocations.append(
        ELFRelocation(
          offset: start + relocation.offset - range.lowerBound, type: relocation.type,
          symbol: UInt32(try resolve(Int(relocation.symbol), in: input, section)), addend: relocation.addend))
    }
    return start
  }
}
