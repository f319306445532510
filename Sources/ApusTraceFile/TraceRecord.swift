import ApusCore

/// What can stand in a metadata chunk: fields in a fixed order, to which later versions may append.
protocol TraceRecord: Sendable {
  static var kind: ChunkKind { get }
  func write(to fields: inout ByteWriter)
  init(from fields: inout ByteReader) throws(ByteError)
}

extension ByteWriter {
  /// A varint.
  mutating func put(_ value: some UnsignedInteger & FixedWidthInteger) {
    append(uleb128: UInt64(truncatingIfNeeded: value))
  }
  /// A string: length and UTF-8.
  mutating func put(_ text: String) {
    append(uleb128: UInt64(text.utf8.count))
    append(contentsOf: text.utf8)
  }
  /// An optional varint: the value plus one, or 0.
  mutating func put(optional value: UInt64?) {
    append(uleb128: value.map { $0 == .max ? .max : $0 + 1 } ?? 0)
  }
}

extension ByteReader {
  mutating func number() throws(ByteError) -> UInt64 { try readULEB128() }
  mutating func key() throws(ByteError) -> UInt32 { UInt32(truncatingIfNeeded: try readULEB128()) }
  mutating func text() throws(ByteError) -> String {
    String(decoding: try readBytes(try readULEB128()), as: UTF8.self)
  }
  mutating func optionalNumber() throws(ByteError) -> UInt64? {
    let value = try readULEB128()
    return value == 0 ? nil : value - 1
  }
}

/// A chunk's payload of records, each behind its length.
enum TraceRecords {
  static func encode<Record: TraceRecord>(_ records: some Sequence<Record>) -> [UInt8] {
    var payload = ByteWriter()
    for record in records {
      var fields = ByteWriter()
      record.write(to: &fields)
      payload.append(uleb128: UInt64(fields.count))
      payload.append(contentsOf: fields.bytes)
    }
    return payload.bytes
  }

  static func decode<Record: TraceRecord>(
    _ type: Record.Type, _ payload: [UInt8], _ body: (Record) -> Void
  ) throws(ByteError) {
    var reader = ByteReader(payload)
    while !reader.isAtEnd {
      var fields = try reader.take(try reader.readULEB128())
      body(try Record(from: &fields))
    }
  }
}

extension HostRecord: TraceRecord {
  static var kind: ChunkKind { .host }
  func write(to fields: inout ByteWriter) {
    fields.put(UInt64(command.count))
    for word in command { fields.put(word) }
    fields.put(hostName)
    fields.put(kernel)
    fields.put(architecture)
    fields.put(processors)
    fields.put(apusVersion)
    fields.put(options)
  }
  init(from fields: inout ByteReader) throws(ByteError) {
    command = []
    for _ in 0..<(try fields.number()) { command.append(try fields.text()) }
    hostName = try fields.text()
    kernel = try fields.text()
    architecture = try fields.text()
    processors = try fields.number()
    apusVersion = try fields.text()
    options = try fields.text()
  }
}

extension ProcessRecord: TraceRecord {
  static var kind: ChunkKind { .processes }
  func write(to fields: inout ByteWriter) {
    fields.put(key)
    fields.put(pid)
    fields.put(parent)
    fields.put(executable)
    fields.put(start)
    fields.put(optional: waitStatus)
  }
  init(from fields: inout ByteReader) throws(ByteError) {
    key = try fields.key()
    pid = try fields.key()
    parent = try fields.key()
    executable = try fields.text()
    start = try fields.number()
    waitStatus = try fields.optionalNumber()
  }
}

extension ModuleRecord: TraceRecord {
  static var kind: ChunkKind { .modules }
  func write(to fields: inout ByteWriter) {
    fields.put(key)
    fields.put(process)
    fields.put(path)
    fields.put(buildID)
    fields.put(bias)
  }
  init(from fields: inout ByteReader) throws(ByteError) {
    key = try fields.key()
    process = try fields.key()
    path = try fields.text()
    buildID = try fields.text()
    bias = try fields.number()
  }
}

extension FunctionRecord: TraceRecord {
  static var kind: ChunkKind { .functions }
  func write(to fields: inout ByteWriter) {
    fields.put(id)
    fields.put(module)
    fields.put(address)
    fields.put(size)
    fields.put(name)
  }
  init(from fields: inout ByteReader) throws(ByteError) {
    id = try fields.key() & 0xFF_FFFF
    module = try fields.key()
    address = try fields.number()
    size = try fields.number()
    name = try fields.text()
  }
}

extension ThreadRecord: TraceRecord {
  static var kind: ChunkKind { .threads }
  func write(to fields: inout ByteWriter) {
    fields.put(key)
    fields.put(process)
    fields.put(tid)
    fields.put(name)
    fields.put(start)
    fields.put(optional: end)
  }
  init(from fields: inout ByteReader) throws(ByteError) {
    key = try fields.key()
    process = try fields.key()
    tid = try fields.key()
    name = try fields.text()
    start = try fields.number()
    end = try fields.optionalNumber()
  }
}

extension FunctionCount: TraceRecord {
  /// Or `lost`: the layout is the same.
  static var kind: ChunkKind { .counts }
  func write(to fields: inout ByteWriter) {
    fields.put(function)
    fields.put(count)
  }
  init(from fields: inout ByteReader) throws(ByteError) {
    function = try fields.key() & 0xFF_FFFF
    count = try fields.number()
  }
}

extension SitesRecord: TraceRecord {
  static var kind: ChunkKind { .sites }
  func write(to fields: inout ByteWriter) {
    fields.put(found)
    fields.put(enabled)
    fields.put(UInt64(refused.count))
    for refusal in refused {
      fields.put(refusal.reason)
      fields.put(refusal.function)
      fields.put(refusal.module)
    }
    fields.put(registers)
  }
  init(from fields: inout ByteReader) throws(ByteError) {
    found = try fields.number()
    enabled = try fields.number()
    refused = []
    for _ in 0..<(try fields.number()) {
      refused.append(
        Refusal(reason: try fields.text(), function: try fields.text(), module: try fields.text()))
    }
    // Files from before there was a regs path do not say.
    registers = fields.isAtEnd ? 0 : try fields.number()
  }
}

extension NamedCount: TraceRecord {
  static var kind: ChunkKind { .slowPaths }
  func write(to fields: inout ByteWriter) {
    fields.put(name)
    fields.put(count)
  }
  init(from fields: inout ByteReader) throws(ByteError) {
    name = try fields.text()
    count = try fields.number()
  }
}

extension ClockAnchor: TraceRecord {
  static var kind: ChunkKind { .anchor }
  func write(to fields: inout ByteWriter) {
    fields.put(counter)
    fields.put(monotonic)
    fields.put(realtime)
  }
  init(from fields: inout ByteReader) throws(ByteError) {
    counter = try fields.number()
    monotonic = try fields.number()
    realtime = try fields.number()
  }
}
