import ApusProbe
import ApusTraceFile
import Testing

/// Register files, from a buffer's words to a reader.
@Suite struct RegisterFileTests {
  private static let names = RegisterNames(names: ["a", "b", "pc"], arguments: [1, 0])

  /// The words of a register file.
  private func words(_ values: [UInt64]) -> [UInt64] {
    let halves = values.flatMap { [UInt32(truncatingIfNeeded: $0), UInt32($0 >> 32)] }
    return halves.enumerated().map {
      EventWord.registers($1, remaining: halves.count - 1 - $0).rawValue
    }
  }

  /// Each thread's calls: function, kind and registers.
  private func calls(_ path: String, registers: Bool = true) throws -> [UInt32: [String]] {
    let reader = try TraceReader(path: path)
    #expect(reader.isComplete)
    var result: [UInt32: [String]] = [:]
    var next: ArraySlice<UInt64>?
    let damage = reader.forEachRun(order: .file, inTicks: true, registers: registers) { (run: EventRun) in
      for index in unsafe run.events.indices {
        let event = unsafe run.events[index]
        if event.kind == .registers {
          next = run.registers?[Int(event.value)]
          if registers { #expect(run.registers?.names == Self.names) }
        } else {
          let file = next.map { " " + $0.map { String($0, radix: 16) }.joined(separator: ",") } ?? ""
          result[run.thread, default: []].append("\(event.kind) \(event.value) \(event.time)" + file)
          next = nil
        }
      }
    }
    #expect(damage == nil)
    return result
  }

  @Test(arguments: [UInt64](1...8)) func theyComeBackWithTheirCalls(_ seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let file = TemporaryFile()
    let writer = try TraceWriter(
      path: file.path, clock: testClock, budget: seed % 2 == 0 ? 20_000 : 64 << 20, registers: Self.names)
    var expected: [UInt32: [String]] = [:]
    var streams: [[UInt64]] = [[], []]
    var time: UInt64 = 1 << 40
    for _ in 0..<20_000 {
      time += UInt64.random(in: 0..<1000, using: &generator)
      let thread = Int.random(in: 0..<2, using: &generator)
      let function = UInt32.random(in: 1..<300, using: &generator)
      let kind = EventWord.Kind.allCases[Int.random(in: 0..<3, using: &generator)]
      var text = "\(kind) \(function) \(time)"
      if kind != .return, Bool.random(using: &generator) {
        let values = (0..<3).map { _ in
          UInt64.random(in: 0...UInt64.max, using: &generator) >> UInt64.random(in: 0..<64, using: &generator)
        }
        streams[thread] += words(values)
        text += " " + values.map { String($0, radix: 16) }.joined(separator: ",")
      }
      streams[thread].append(EventWord(kind, function: function, time: time).rawValue)
      expected[UInt32(thread) + 1, default: []].append(text)
      // Batches end anywhere, in the midst of register files too.
      let size = Int.random(in: 0..<1 << 14, using: &generator)
      if size < 40 || size > 16_300 {
        let batch = Array(streams[thread].prefix(size))
        streams[thread].removeFirst(batch.count)
        try writer.append(batch, thread: UInt32(thread) + 1, drainCounter: time)
        if size & 1 == 0 { try writer.flush() }
      }
    }
    for thread in 0..<2 { try writer.append(streams[thread], thread: UInt32(thread) + 1, drainCounter: time) }
    try writer.finish(anchor: nil)
    #expect(try calls(file.path) == expected)
    // Who does not ask for registers sees the same calls.
    let bare = expected.mapValues { $0.map { $0.split(separator: " ").prefix(3).joined(separator: " ") } }
    #expect(try calls(file.path, registers: false) == bare)
    #expect(try TraceReader(path: file.path).hasRegisters)
  }

  @Test func whatIsNoWholeRegisterFileIsForgotten() throws {
    let file = TemporaryFile()
    let writer = try TraceWriter(path: file.path, clock: testClock, registers: Self.names)
    let whole = words([1, 2, 3])
    func entry(_ function: UInt32) -> UInt64 { EventWord(.entry, function: function, time: 5000).rawValue }
    let parts: [[UInt64]] = [
      [entry(1)], whole.dropLast(), [entry(2)], Array(whole.dropFirst()), [entry(3)],
      whole, [EventWord(.return, function: 3, time: 5000).rawValue, entry(4)],
      words([1, 2, 3, 4]), [entry(5)], words([1]), [entry(6)], Array(whole[..<3]), whole, [entry(7)],
      whole, [EventWord(.padding, payload: 0, time: 0).rawValue, entry(8)],
      words([UInt64](repeating: 9, count: 400)), [entry(9)],
    ]
    let stream = Array(parts.joined())
    try writer.append(stream, drainCounter: 5000)
    try writer.finish(anchor: nil)
    let found = try calls(file.path)[1] ?? []
    #expect(found.filter { $0.hasSuffix(" 1,2,3") } == ["entry 7 5000 1,2,3", "entry 8 5000 1,2,3"])
    #expect(found.count == 10)
  }
}
