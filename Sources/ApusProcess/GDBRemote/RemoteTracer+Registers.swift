internal import ApusCore

extension RemoteTracer {
  /// The server's register for a word of the layout.
  func register(_ name: String) -> TargetDescription.Register? {
    guard let description else { return nil }
    for other in machine.serverNames[name] ?? [name] {
      if let register = description.register(other) { return register }
    }
    return nil
  }

  /// A stopped thread's general registers. Words that the server does not know are 0, the one that tells of a system call -1.
  package func registers(of thread: ThreadID) throws(TraceError) -> RegisterFile {
    let record = try requireStopped(thread)
    do throws(RemoteError) {
      let data = try raw(record)
      let layout = machine.layout
      var words = [UInt64](repeating: 0, count: layout.names.count)
      if let word = layout.originalSystemCall { words[word] = .max }
      for (index, name) in layout.names.enumerated() {
        guard let register = register(name) else { continue }
        if let bytes = Self.bytes(of: register, in: data) {
          words[index] = Self.number(bytes)
        } else if index == layout.threadPointer, capabilities.readsSingleRegisters {
          words[index] = try single(register, of: record.id)
        }
      }
      guard let file = RegisterFile(words: words, layout: layout) else {
        throw .malformed(what: "register file", why: "it has \(words.count) words")
      }
      return file
    } catch { throw .remote(error) }
  }

  /// `g`'s data, from the server or as it was taken since the thread stopped.
  private func raw(_ record: RemoteThreadRecord) throws(RemoteError) -> [UInt8] {
    if let known = record.registers { return known }
    try server.select(record.id)
    let answer = try server.ask("g")
    guard let data = HexText.decodeRegisters(answer), !data.isEmpty else {
      throw RemoteServer.refusal("g", answer)
    }
    records[record.id.thread]?.registers = data
    return data
  }

  private func single(
    _ register: TargetDescription.Register, of thread: RemoteThreadID
  ) throws(RemoteError) -> UInt64 {
    try server.select(thread)
    let answer = try server.ask("p" + String(register.number, radix: 16))
    guard let bytes = HexText.decodeRegisters(answer), bytes.count <= 8 else {
      throw RemoteServer.refusal("p", answer)
    }
    return Self.number(bytes[...])
  }

  private static func bytes(
    of register: TargetDescription.Register, in data: [UInt8]
  ) -> ArraySlice<UInt8>? {
    guard register.byteCount <= 8, register.offset + register.byteCount <= data.count else { return nil }
    return data[register.offset..<(register.offset + register.byteCount)]
  }

  /// All three architectures are little-endian.
  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// Sets a stopped thread's general registers; what a word has more than its register at the server is dropped, and words
  /// that the server does not know stay.
  package func setRegisters(_ registers: RegisterFile, of thread: ThreadID) throws(TraceError) {
    let record = try requireStopped(thread)
    do throws(RemoteError) {
      var data = try raw(record)
      for (name, word) in zip(registers.layout.names, registers.words) {
        guard let register = register(name), Self.bytes(of: register, in: data) != nil else { continue }
        for index in 0..<register.byteCount {
          data[register.offset + index] = UInt8(truncatingIfNeeded: word >> UInt64(index * 8))
        }
      }
      try setRaw(data, record.id)
    } catch { throw .remote(error) }
  }

  /// Sets all that `g` gives.
  func setRaw(_ data: [UInt8], _ thread: RemoteThreadID) throws(RemoteError) {
    try server.select(thread)
    let answer = try server.ask([UInt8(ascii: "G")] + HexText.encode(data))
    guard answer == RemoteServer.ok else { throw RemoteServer.refusal("G", answer) }
    records[thread.thread]?.registers = data
  }

  /// `g`'s data of a stopped thread: all its registers, in the server's form.
  func rawRegisters(of thread: ThreadID) throws(TraceError) -> [UInt8] {
    let record = try requireStopped(thread)
    do throws(RemoteError) { return try raw(record) } catch { throw .remote(error) }
  }

  /// For tests: the next reading of registers asks the server.
  package func forgetKnownRegisters(of thread: ThreadID) throws(TraceError) {
    _ = try requireStopped(thread)
    records[thread]?.registers = nil
  }
}
