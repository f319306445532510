internal import ApusCore
internal import ApusELF
internal import ApusPatchObject

/// What the macros of `Headers/apus_patch.h` have left in an object file.
struct DeclaredRecords {
  /// A place in the file that a record refers to: its symbol and how many bytes behind it.
  struct Pointer {
    var symbol: Int
    var addend: Int64
  }

  private(set) var replacements: [(new: Pointer, old: WantedSymbol, origin: PackOrigin)] = []
  private(set) var callbacks:
    [(moment: PatchObject.Callback.Moment, function: Pointer, module: String, origin: PackOrigin)] = []
  private(set) var shadowVariables:
    [(id: UInt64, size: UInt64, constructor: Pointer?, destructor: Pointer?, origin: PackOrigin)] = []
  private(set) var states: [(id: UInt64, version: UInt64, variable: Pointer, origin: PackOrigin)] = []
  private(set) var quiescent: [(function: WantedSymbol, origin: PackOrigin)] = []

  /// What the sections' names begin with; none of them comes with the patch.
  static let prefix = ".apus.declare."

  init(_ object: ObjectFile, file: String) throws(PackError) {
    for section in object.sections where section.name.hasPrefix(Self.prefix) {
      let kind = section.name.dropFirst(Self.prefix.count)
      guard let words = Self.words[String(kind)] else {
        guard kind == "names" else { throw .record(file: file, section: section.name, "it is not known") }
        continue
      }
      guard section.bytes.count % (8 * words) == 0 else {
        throw .record(
          file: file, section: section.name,
          "\(section.bytes.count) bytes are no whole number of records of \(8 * words)")
      }
      for start in stride(from: 0, to: section.bytes.count, by: 8 * words) {
        let record = DeclaredRecord(object: object, file: file, section: section, start: start)
        let origin = PackOrigin(
          file: try record.string(0), line: Int(truncatingIfNeeded: record.word(1)))
        switch kind {
        case "replacements":
          let old = WantedSymbol(
            name: try record.string(3), file: try record.string(5), module: try record.string(4))
          replacements.append((try record.pointer(2), old, origin))
        case "callbacks":
          guard let raw = UInt32(exactly: record.word(4)),
            let moment = PatchObject.Callback.Moment(rawValue: raw)
          else { throw record.problem("a callback for no moment") }
          callbacks.append((moment, try record.pointer(2), try record.string(3), origin))
        case "shadow":
          shadowVariables.append(
            (record.word(2), record.word(3), record.optionalPointer(4), record.optionalPointer(5), origin))
        case "states": states.append((record.word(3), record.word(4), try record.pointer(2), origin))
        default:
          let function = WantedSymbol(
            name: try record.string(2), file: try record.string(4), module: try record.string(3))
          quiescent.append((function, origin))
        }
      }
    }
    // As the sources have them; compilers turn the order round.
    replacements.sort { $0.origin < $1.origin }
    callbacks.sort { $0.origin < $1.origin }
    shadowVariables.sort { $0.origin < $1.origin }
    states.sort { $0.origin < $1.origin }
    quiescent.sort { $0.origin < $1.origin }
  }

  /// The words of a record, each of 8 bytes, by the end of the section's name.
  private static let words = [
    "replacements": 6, "callbacks": 5, "shadow": 6, "states": 5, "quiescent": 5,
  ]
}

/// One record: words of 8 bytes, some of which are addresses.
private struct DeclaredRecord {
  let object: ObjectFile
  let file: String
  let section: ObjectSection
  /// In bytes.
  let start: Int

  func problem(_ what: String) -> PackError { .record(file: file, section: section.name, what) }

  func word(_ index: Int) -> UInt64 {
    (0..<8).reversed().reduce(0) { $0 << 8 | UInt64(section.bytes[start + 8 * index + $1]) }
  }

  /// nil for a null pointer.
  func optionalPointer(_ index: Int) -> DeclaredRecords.Pointer? {
    let place = UInt64(start + 8 * index)
    return section.relocations(in: place..<place + 1).first.map {
      DeclaredRecords.Pointer(symbol: Int($0.symbol), addend: $0.addend)
    }
  }

  func pointer(_ index: Int) throws(PackError) -> DeclaredRecords.Pointer {
    guard let pointer = optionalPointer(index) else { throw problem("a null pointer") }
    return pointer
  }

  func string(_ index: Int) throws(PackError) -> String {
    let pointer = try pointer(index)
    let symbol = object.symbols[pointer.symbol]
    guard let section = symbol.section else { throw problem("a string that is not in the file") }
    let bytes = object.sections[section].bytes
    guard symbol.value <= UInt64(bytes.count),
      let offset = Optional(Int64(symbol.value).addingReportingOverflow(pointer.addend)), !offset.overflow,
      bytes.indices.contains(Int(offset.partialValue)),
      let end = bytes[Int(offset.partialValue)...].firstIndex(of: 0)
    else { throw problem("a string beyond its section") }
    return String(decoding: bytes[Int(offset.partialValue)..<end], as: UTF8.self)
  }
}
