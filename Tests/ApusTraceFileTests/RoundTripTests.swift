import ApusProbe
import ApusTraceFile
import Testing

@Suite struct RoundTripTests {
  @Test(
    arguments: [
      ("", 0xEF46_DB37_51D8_E999), ("abc", 0x44BC_2CF5_AD77_0999),
      ("Nobody inspects the spammish repetition", 0xFBCE_A83C_8A37_8BF1),
    ] as [(String, UInt64)])
  func checksumsAreXXH64(_ text: String, _ expected: UInt64) {
    let bytes = Array(text.utf8)
    #expect(unsafe bytes.withUnsafeBytes { unsafe Checksum.xxh64($0) } == expected)
  }

  @Test(arguments: [UInt64](1...12), [true, false])
  func randomStreamsComeBack(_ seed: UInt64, _ timed: Bool) throws {
    var generator = SeededGenerator(seed: seed)
    let file = TemporaryFile()
    // A small budget, so that chunks are written early, in the middle of streams.
    let writer = try TraceWriter(path: file.path, clock: testClock, budget: seed % 3 == 0 ? 20_000 : 64 << 20)
    if !timed { try writer.setMode(returns: true, timed: false) }
    var streams = (0..<3).map { index in
      RandomStream(
        count: seed == 1 ? 300_000 : Int.random(in: 1..<30_000, using: &generator),
        start: (1 << 40) + UInt64(index) * 77, timed: timed, using: &generator)
    }
    let expected = streams.map(\.events)
    // Absolute times of words, to know what the counter was when a batch was read.
    var done = [0, 0, 0]
    var counters = streams.map { _ in UInt64(1 << 40) }
    while true {
      let left = streams.indices.filter { done[$0] < streams[$0].words.count }
      guard let index = left.randomElement(using: &generator) else { break }
      let size = Int.random(in: 1..<(seed == 1 ? 200_000 : 4000), using: &generator)
      let batch = streams[index].words[done[index]...].prefix(size)
      done[index] += batch.count
      var pairSecond = false
      for word in batch {
        defer { pairSecond = word & 0xFF == 0x13 && !pairSecond }
        guard !pairSecond, timed else { continue }
        // The nearest counter value with these bits: the stream never moves by half a turn.
        let distance = Int64(bitPattern: ((word >> 26) &- counters[index]) << 26) >> 26
        counters[index] = counters[index] &+ UInt64(bitPattern: distance)
      }
      let highest = counters[index] + 1000
      try writer.append(Array(batch), thread: UInt32(index + 1), drainCounter: timed ? highest : 0)
      if UInt32.random(in: 0..<40, using: &generator) == 0 { try writer.flush() }
    }
    streams = []
    try writer.finish(anchor: nil)
    let reader = try TraceReader(path: file.path)
    #expect(reader.isComplete)
    #expect(reader.isTimed == timed)
    let (events, damage) = reader.allEvents()
    #expect(damage == nil)
    for (index, stream) in expected.enumerated() {
      let got = events[UInt32(index + 1)] ?? []
      try #require(got.count == stream.count)
      let difference = zip(got, stream).enumerated().first { $0.element.0 != $0.element.1 }
      #expect(difference == nil)
    }
    let calls = expected.joined().count { $0.kind == .entry || $0.kind == .tail }
    #expect(reader.calls == UInt64(calls))
    #expect(writer.tailCalls == UInt64(expected.joined().count { $0.kind == .tail }))
    #expect(reader.events == UInt64(expected.joined().count))
  }

  @Test func mergedOrderIsByTimeAndKeepsEachThread() throws {
    let file = TemporaryFile()
    let writer = try TraceWriter(path: file.path, clock: testClock)
    var generator = SeededGenerator(seed: 5)
    for round in 0..<40 {
      for thread in 1...5 as ClosedRange<UInt32> {
        let start = UInt64(2000 + round * 1000)
        let words = (0..<50).map { index in
          EventWord(
            .entry, function: UInt32(round * 50 + index + 1),
            time: start + UInt64(index) * 19 + UInt64(thread)
          )
          .rawValue
        }
        try writer.append(words, thread: thread, drainCounter: start + 1000)
        if Bool.random(using: &generator) { try writer.flush() }
      }
    }
    try writer.finish(anchor: nil)
    let reader = try TraceReader(path: file.path)
    var times: [UInt64] = []
    var perThread: [UInt32: [UInt32]] = [:]
    var ended: [UInt32] = []
    let damage = reader.forEachRun(order: .time, inTicks: true) { (run: EventRun) in
      for event in unsafe Array(run.events) {
        times.append(event.time)
        perThread[run.thread, default: []].append(event.value)
      }
      if run.isLast { ended.append(run.thread) }
    }
    #expect(damage == nil)
    #expect(times.count == 10_000)
    #expect(zip(times, times.dropFirst()).allSatisfy { $0 <= $1 })
    for thread in 1...5 as ClosedRange<UInt32> { #expect(perThread[thread] == Array(1...2000)) }
    #expect(ended.sorted() == [1, 2, 3, 4, 5])
  }

  @Test func timesAcrossTheCounterFieldsWrap() throws {
    let file = TemporaryFile()
    let writer = try TraceWriter(path: file.path, clock: testClock)
    let turn: UInt64 = 1 << 38
    let times = [7 * turn - 5, 7 * turn - 1, 7 * turn + 3]
    try writer.append(
      times.map { EventWord(.entry, function: 1, time: $0 & (turn - 1)).rawValue }, drainCounter: 7 * turn + 4
    )
    // More than a turn later, in the next batch.
    try writer.append([EventWord(.return, function: 1, time: 11).rawValue], drainCounter: 9 * turn + 12)
    try writer.finish(anchor: nil)
    let (events, _) = try TraceReader(path: file.path).allEvents()
    #expect(events[1]?.map(\.time) == times + [9 * turn + 11])
  }

  @Test func anchorsMakeTheScale() throws {
    let file = TemporaryFile()
    let writer = try TraceWriter(path: file.path, clock: testClock)
    try writer.append([EventWord(.entry, function: 1, time: 51_000).rawValue], drainCounter: 51_000)
    let early = try TraceReader(path: file.path)
    #expect(early.clock.last == nil)
    #expect(early.clock.scale.convert(51_000) == 50_000)
    // 2 ticks a nanosecond, in truth.
    try writer.finish(
      anchor: ClockAnchor(counter: 1000 + 40_000_000, monotonic: 5_000_000 + 20_000_000, realtime: 0))
    let reader = try TraceReader(path: file.path)
    #expect(reader.clock.scale.convert(51_000) == 25_000)
    #expect(reader.clock.scale.convert(3) == 0)
  }
}
