package import ApusCore
package import ApusELF

/// The sections that a patch object has besides its code and data.
enum PatchSection {
  /// A note (SHT_NOTE) of owner "Apus": version, flags, name.
  static let note = ".note.apus.patch"
  /// One record for each module.
  static let modules = ".apus.modules"
  /// For each section from number 0 on, the number of its module.
  static let sections = ".apus.sections"
  /// One for each function that is replaced.
  static let functions = ".apus.functions"
  /// One for each symbol that is the program's.
  static let references = ".apus.references"
  /// One for each function that runs when the patch is applied or taken away.
  static let callbacks = ".apus.callbacks"
  /// One for each shadow variable.
  static let shadow = ".apus.shadow"
  /// One for each state.
  static let states = ".apus.states"
  /// One for each quiescent function.
  static let quiescent = ".apus.quiescent"
  /// The names that the records have, zero-terminated.
  static let strings = ".apus.strings"

  static let version: UInt32 = 1
  static let noteType: UInt32 = 1
  static let moduleSize = 32
  static let sectionSize = 4
  static let functionSize = 48
  static let referenceSize = 48
  static let callbackSize = 16
  static let shadowSize = 32
  static let stateSize = 24
  static let quiescentSize = 32
  static let replaceFlag: UInt32 = 1
}

extension PatchObject {
  // MARK: Writing

  /// The file's contents.
  package var bytes: [UInt8] {
    var strings = ByteWriter()
    strings.append(UInt8(0))
    var places: [String: UInt32] = ["": 0]
    func place(_ text: String) -> UInt32 {
      if let known = places[text] { return known }
      let here = UInt32(strings.count)
      strings.append(cString: text)
      places[text] = here
      return here
    }
    func append(_ place32: Place, to writer: inout ByteWriter) {
      writer.append(UInt32(place32.module))
      writer.append(place(place32.name))
      writer.append(place(place32.file))
      writer.append(UInt32(place32.position))
      writer.append(place32.address)
      writer.append(place32.size)
    }
    var moduleRecords = ByteWriter()
    for module in modules {
      moduleRecords.append(place(module.name))
      let id = module.buildID
      moduleRecords.append(UInt32(id.count))
      moduleRecords.append(contentsOf: id)
      moduleRecords.append(contentsOf: [UInt8](repeating: 0, count: 24 - id.count))
    }
    var sectionRecords = ByteWriter()
    for module in sectionModules { sectionRecords.append(UInt32(module)) }
    var functionRecords = ByteWriter()
    for function in functions {
      functionRecords.append(UInt32(function.symbol))
      functionRecords.append(place(function.reasons.joined(separator: "\n")))
      append(function.old, to: &functionRecords)
      functionRecords.append(UInt64(0))
    }
    var referenceRecords = ByteWriter()
    for reference in references {
      referenceRecords.append(UInt32(reference.symbol))
      referenceRecords.append(reference.kind.rawValue)
      append(reference.place, to: &referenceRecords)
      referenceRecords.append(UInt64(0))
    }
    var callbackRecords = ByteWriter()
    for callback in callbacks {
      for word in [UInt32(callback.symbol), callback.moment.rawValue, UInt32(callback.module), 0] {
        callbackRecords.append(word)
      }
    }
    var shadowRecords = ByteWriter()
    for variable in shadowVariables {
      shadowRecords.append(variable.id)
      shadowRecords.append(variable.size)
      shadowRecords.append(UInt32(variable.constructor ?? 0))
      shadowRecords.append(UInt32(variable.destructor ?? 0))
      shadowRecords.append(UInt64(0))
    }
    var stateRecords = ByteWriter()
    for state in states {
      stateRecords.append(state.id)
      stateRecords.append(state.version)
      stateRecords.append(UInt32(state.symbol))
      stateRecords.append(UInt64(0))
    }
    var quiescentRecords = ByteWriter()
    for place in quiescent { append(place, to: &quiescentRecords) }
    func table(_ name: String, _ writer: ByteWriter, _ size: Int) -> RelocatableWriter.Section {
      RelocatableWriter.Section(
        name: name, type: SectionType.programBits, alignment: 8, entrySize: UInt64(size), bytes: writer.bytes)
    }
    var all = sections.dropFirst().map { section in
      RelocatableWriter.Section(
        name: section.name, type: section.type, flags: section.flags, alignment: section.alignment,
        entrySize: section.entrySize, bytes: section.bytes, size: section.size,
        relocations: section.relocations)
    }
    all.append(
      RelocatableWriter.Section(name: PatchSection.note, type: SectionType.note, alignment: 4, bytes: note))
    all.append(table(PatchSection.modules, moduleRecords, PatchSection.moduleSize))
    all.append(table(PatchSection.sections, sectionRecords, PatchSection.sectionSize))
    all.append(table(PatchSection.functions, functionRecords, PatchSection.functionSize))
    all.append(table(PatchSection.references, referenceRecords, PatchSection.referenceSize))
    for (name, records, size) in [
      (PatchSection.callbacks, callbackRecords, PatchSection.callbackSize),
      (PatchSection.shadow, shadowRecords, PatchSection.shadowSize),
      (PatchSection.states, stateRecords, PatchSection.stateSize),
      (PatchSection.quiescent, quiescentRecords, PatchSection.quiescentSize),
    ] where records.count > 0 { all.append(table(name, records, size)) }
    all.append(
      RelocatableWriter.Section(
        name: PatchSection.strings, type: SectionType.programBits, flags: 0, bytes: strings.bytes))
    return RelocatableWriter(architecture).write(sections: all, symbols: symbols)
  }

  private var note: [UInt8] {
    var description = ByteWriter()
    description.append(PatchSection.version)
    description.append(isReplacement ? PatchSection.replaceFlag : 0)
    description.append(cString: name)
    var writer = ByteWriter()
    writer.append(UInt32(5))
    writer.append(UInt32(description.count))
    writer.append(PatchSection.noteType)
    writer.append(cString: "Apus")
    writer.align(to: 4)
    writer.append(contentsOf: description.bytes)
    writer.align(to: 4)
    return writer.bytes
  }

  // MARK: Reading

  /// Reads a file's contents. Nothing is believed: each number is checked before it is used.
  package init(bytes: [UInt8]) throws(PatchObjectError) {
    let image: ELFImage
    let object: ObjectFile
    do throws(ELFError) {
      image = try ELFImage(source: bytes)
      object = try ObjectFile(image)
    } catch { throw .elf(error) }
    func contents(_ name: String) throws(PatchObjectError) -> [UInt8] {
      guard let section = image.section(named: name) else { throw .noPatch(name) }
      do throws(ELFError) { return try image.contents(of: section) } catch { throw .elf(error) }
    }
    let header = try Self.readNote(try contents(PatchSection.note))
    let strings = try contents(PatchSection.strings)
    let moduleRecords = try Records(PatchSection.modules, try contents(PatchSection.modules), strings)
    func optional(_ name: String) throws(PatchObjectError) -> Records? {
      image.section(named: name) == nil ? nil : try Records(name, try contents(name), strings)
    }
    let sectionRecords = try optional(PatchSection.sections)
    let functionRecords = try Records(PatchSection.functions, try contents(PatchSection.functions), strings)
    let referenceRecords = try Records(
      PatchSection.references, try contents(PatchSection.references), strings)
    architecture = object.architecture
    name = header.name
    isReplacement = header.isReplacement
    symbols = object.symbols
    // Sections of ours and those of the file's own (symbols, names, relocations) are made anew.
    sections = object.sections.map { section in
      section.isAllocated
        ? section : ObjectSection(name: "", type: SectionType.null, flags: 0)
    }
    modules = try moduleRecords.read(PatchSection.moduleSize) {
      (record: inout Record) throws(PatchObjectError) in
      let name = try record.string()
      let count = try record.word()
      let id = try record.bytes(24)
      guard count <= 24 else { throw record.malformed("a build-id of \(count) bytes") }
      return Module(name: name, buildID: Array(id.prefix(Int(count))))
    }
    // (The first files of this version had none, and one module.)
    let owners =
      try sectionRecords?.read(PatchSection.sectionSize) {
        [count = modules.count] (record: inout Record) throws(PatchObjectError) in
        try record.index(below: max(1, count))
      } ?? []
    sectionModules = sections.indices.map { $0 < owners.count ? owners[$0] : 0 }
    let (moduleCount, symbolCount) = (modules.count, symbols.count)
    functions = try functionRecords.read(PatchSection.functionSize) {
      (record: inout Record) throws(PatchObjectError) in
      let symbol = try record.index(below: symbolCount)
      let reasons = try record.string().split(separator: "\n").map(String.init)
      return Function(symbol: symbol, old: try record.place(modules: moduleCount), reasons: reasons)
    }
    references = try referenceRecords.read(PatchSection.referenceSize) {
      (record: inout Record) throws(PatchObjectError) in
      let symbol = try record.index(below: symbolCount)
      let raw = try record.word()
      guard let kind = Reference.Kind(rawValue: raw) else {
        throw record.malformed("a reference of kind \(raw)")
      }
      return Reference(symbol: symbol, kind: kind, place: try record.place(modules: moduleCount))
    }
    (callbacks, shadowVariables, states, quiescent) = ([], [], [], [])
    for function in functions where symbols[function.symbol].section == nil {
      throw .malformed(
        section: PatchSection.functions, "the code of \(function.old.name) is not in the file")
    }
    try readDeclared(
      callbacks: try optional(PatchSection.callbacks), shadow: try optional(PatchSection.shadow),
      states: try optional(PatchSection.states), quiescent: try optional(PatchSection.quiescent))
  }

  private static func readNote(
    _ bytes: [UInt8]
  ) throws(PatchObjectError) -> (name: String, isReplacement: Bool) {
    let version: UInt32
    let flags: UInt32
    let name: String
    do throws(ByteError) {
      var reader = ByteReader(bytes)
      try reader.skip(12 + 8)
      version = try reader.readUInt32()
      flags = try reader.readUInt32()
      name = try reader.readCString()
    } catch { throw .malformed(section: PatchSection.note, "\(error)") }
    guard version == PatchSection.version else { throw .version(version) }
    return (name, flags & PatchSection.replaceFlag != 0)
  }
}
