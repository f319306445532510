internal import ApusCore
internal import ApusELF

/// One of the patch object's tables.
struct Records {
  var section: String
  var bytes: [UInt8]
  var strings: [UInt8]

  init(_ section: String, _ bytes: [UInt8], _ strings: [UInt8]) throws(PatchObjectError) {
    self.section = section
    self.bytes = bytes
    self.strings = strings
  }

  func read<T>(
    _ size: Int, _ body: (inout Record) throws(PatchObjectError) -> T
  ) throws(PatchObjectError) -> [T] {
    guard bytes.count % size == 0 else {
      throw .malformed(section: section, "\(bytes.count) bytes are no whole number of records of \(size)")
    }
    var result: [T] = []
    for start in stride(from: 0, to: bytes.count, by: size) {
      var record = Record(
        section: section, reader: ByteReader(Array(bytes[start..<start + size])), strings: strings)
      result.append(try body(&record))
    }
    return result
  }
}

/// One record.
struct Record {
  var section: String
  var reader: ByteReader
  var strings: [UInt8]

  func malformed(_ what: String) -> PatchObjectError { .malformed(section: section, what) }

  private mutating func reading<T>(_ body: (inout ByteReader) throws(ByteError) -> T) throws(PatchObjectError)
    -> T
  {
    do throws(ByteError) { return try body(&reader) } catch { throw malformed("\(error)") }
  }

  mutating func word() throws(PatchObjectError) -> UInt32 {
    try reading { (reader: inout ByteReader) throws(ByteError) in try reader.readUInt32() }
  }

  mutating func double() throws(PatchObjectError) -> UInt64 {
    try reading { (reader: inout ByteReader) throws(ByteError) in try reader.readUInt64() }
  }

  mutating func bytes(_ count: UInt64) throws(PatchObjectError) -> [UInt8] {
    try reading { (reader: inout ByteReader) throws(ByteError) in try reader.readBytes(count) }
  }

  mutating func index(below count: Int) throws(PatchObjectError) -> Int {
    let value = try word()
    guard value < count else { throw malformed("a number \(value), of \(count)") }
    return Int(value)
  }

  mutating func string() throws(PatchObjectError) -> String {
    let offset = Int(try word())
    guard offset < strings.count, let end = strings[offset...].firstIndex(of: 0) else {
      throw malformed("a name at \(offset), beyond the names")
    }
    return String(decoding: strings[offset..<end], as: UTF8.self)
  }

  mutating func place(modules: Int) throws(PatchObjectError) -> PatchObject.Place {
    PatchObject.Place(
      module: try index(below: modules), name: try string(), file: try string(), position: Int(try word()),
      address: try double(), size: try double())
  }
}

// MARK: What hand-written patches declare

extension Record {
  /// The number of a function's symbol that the patch defines.
  fileprivate mutating func function(_ patch: PatchObject) throws(PatchObjectError) -> Int {
    let number = try index(below: patch.symbols.count)
    guard let section = patch.symbols[number].section, patch.sections[section].isCode else {
      throw malformed("symbol \(number) is no function of the patch")
    }
    return number
  }

  /// The same, or 0 for none.
  fileprivate mutating func optionalFunction(_ patch: PatchObject) throws(PatchObjectError) -> Int? {
    var next = self
    guard try next.word() != 0 else {
      self = next
      return nil
    }
    return try function(patch)
  }
}

extension PatchObject {
  /// Reads the tables that a patch may have, and need not have.
  mutating func readDeclared(
    callbacks: Records?, shadow: Records?, states: Records?, quiescent: Records?
  ) throws(PatchObjectError) {
    let patch = self
    if let callbacks {
      var known: Set<[UInt32]> = []
      self.callbacks = try callbacks.read(PatchSection.callbackSize) {
        (record: inout Record) throws(PatchObjectError) in
        let symbol = try record.function(patch)
        let raw = try record.word()
        guard let moment = Callback.Moment(rawValue: raw) else {
          throw record.malformed("a callback for a moment \(raw)")
        }
        let module = try record.index(below: patch.modules.count)
        guard known.insert([raw, UInt32(module)]).inserted else {
          throw record.malformed("two callbacks \(moment.name) for \(patch.modules[module].name)")
        }
        return Callback(moment, module: module, symbol: symbol)
      }
    }
    if let shadow {
      var known: Set<UInt64> = []
      shadowVariables = try shadow.read(PatchSection.shadowSize) {
        (record: inout Record) throws(PatchObjectError) in
        let id = try record.double()
        guard known.insert(id).inserted else {
          throw record.malformed("two shadow variables \(hexadecimal(id))")
        }
        return ShadowVariable(
          id: id, size: try record.double(), constructor: try record.optionalFunction(patch),
          destructor: try record.optionalFunction(patch))
      }
    }
    if let states {
      var known: Set<UInt64> = []
      self.states = try states.read(PatchSection.stateSize) {
        (record: inout Record) throws(PatchObjectError) in
        let id = try record.double()
        let version = try record.word()
        let symbol = try record.index(below: patch.symbols.count)
        guard known.insert(id).inserted else { throw record.malformed("two states \(hexadecimal(id))") }
        let (value, size) = (patch.symbols[symbol].value, Self.stateSize)
        guard let section = patch.symbols[symbol].section, patch.sections[section].isWritable,
          patch.sections[section].size >= size, value <= patch.sections[section].size - size
        else { throw record.malformed("symbol \(symbol) is no state's variable") }
        return State(id: id, version: version, symbol: symbol)
      }
    }
    if let quiescent {
      self.quiescent = try quiescent.read(PatchSection.quiescentSize) {
        (record: inout Record) throws(PatchObjectError) in try record.place(modules: patch.modules.count)
      }
    }
  }
}
