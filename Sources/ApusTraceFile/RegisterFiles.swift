internal import ApusCore

/// What the words of the register files in a trace are.
package struct RegisterNames: Sendable, Hashable {
  /// The registers' names, in order.
  package var names: [String]
  /// Which of them carry a function's integer arguments, in order.
  package var arguments: [Int]

  /// Names.
  package init(names: [String], arguments: [Int]) {
    self.names = names
    self.arguments = arguments
  }
}

/// The register files of one event chunk: those of the calls in it that were recorded on the regs path.
package struct RegisterFiles: Sendable, Hashable {
  /// What the words are.
  package var names: RegisterNames
  /// One file after the other.
  private var words: [UInt64]

  /// An empty collection.
  package init(_ names: RegisterNames) {
    self.names = names
    words = []
  }

  /// How many files there are.
  package var count: Int { names.names.isEmpty ? 0 : words.count / names.names.count }

  /// A file's words; nil if there is none with this number.
  package subscript(index: Int) -> ArraySlice<UInt64>? {
    guard index >= 0, index < count else { return nil }
    let size = names.names.count
    return words[index * size..<(index + 1) * size]
  }

  /// Appends a file from the halves of its words, low before high; false if there are more or fewer than the names.
  mutating func append(halves: [UInt32]) -> Bool {
    guard halves.count == 2 * names.names.count else { return false }
    for index in stride(from: 0, to: halves.count, by: 2) {
      words.append(UInt64(halves[index + 1]) << 32 | UInt64(halves[index]))
    }
    return true
  }

  /// Forgets the files.
  mutating func removeAll() { words.removeAll(keepingCapacity: true) }
}

extension RegisterFiles: TraceRecord {
  static var kind: ChunkKind { .payloads }
  /// What a record of the kind ``ChunkKind/payloads`` is: 1 for register files.
  private static let payloadKind: UInt64 = 1
  /// More words no architecture's register file has.
  static let mostNames: UInt64 = 256

  /// Register by register, and the difference from the call before: most change little from call to call.
  func write(to fields: inout ByteWriter) {
    fields.put(Self.payloadKind)
    fields.put(UInt64(names.names.count))
    for name in names.names { fields.put(name) }
    fields.put(UInt64(names.arguments.count))
    for argument in names.arguments { fields.put(UInt64(argument)) }
    fields.put(UInt64(count))
    for register in names.names.indices {
      var last: UInt64 = 0
      for file in 0..<count {
        let value = words[file * names.names.count + register]
        let step = value &- last
        // Zigzag: small steps up and down are short.
        fields.put(step << 1 ^ UInt64(bitPattern: Int64(bitPattern: step) >> 63))
        last = value
      }
    }
  }

  init(from fields: inout ByteReader) throws(ByteError) {
    self.init(RegisterNames(names: [], arguments: []))
    // What another kind of payload is only later versions know.
    guard try fields.number() == Self.payloadKind else { return }
    let size = try fields.number()
    guard size <= Self.mostNames else { return }
    var names: [String] = []
    for _ in 0..<size { names.append(try fields.text()) }
    var arguments: [Int] = []
    for _ in 0..<(try fields.number()) {
      let index = try fields.number()
      if index < size { arguments.append(Int(index)) }
    }
    // Each word was two events.
    let count = try fields.number()
    guard count <= UInt64(TraceFormat.maximumEvents) / max(1, size) else { return }
    var columns: [UInt64] = []
    for _ in names {
      var last: UInt64 = 0
      for _ in 0..<count {
        let step = try fields.number()
        last &+= step >> 1 ^ (0 &- (step & 1))
        columns.append(last)
      }
    }
    self.names = RegisterNames(names: names, arguments: arguments)
    guard !names.isEmpty else { return }
    let files = Int(count)
    words.reserveCapacity(columns.count)
    for file in 0..<files {
      for register in names.indices { words.append(columns[register * files + file]) }
    }
  }
}
