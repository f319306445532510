import ApusReport
import ApusTraceFile
import Testing

/// A sequence of events, one every 10 ns, and the calls that it means.
struct FrameCase: Sendable, CustomTestStringConvertible {
  var name: String
  /// Each with its thread.
  var steps: [(UInt32, Step)]
  /// Each "tid depth function start duration", in order of entry.
  var calls: [String]
  var anomalies = FrameAnomalies()

  var testDescription: String { name }

  init(
    _ name: String, _ steps: [(UInt32, Step)], _ calls: [String],
    _ set: (inout FrameAnomalies) -> Void = { _ in }
  ) {
    self.name = name
    self.steps = steps
    self.calls = calls
    set(&anomalies)
  }
}

private func one(_ steps: Step...) -> [(UInt32, Step)] { steps.map { (1, $0) } }

@Suite struct FrameTests {
  static let cases: [FrameCase] = [
    FrameCase(
      "calls and returns", one(.enter(1), .enter(2), .leave(2), .enter(2), .leave(2), .leave(1)),
      ["71 0 f1 0 50", "71 1 f2 10 10", "71 1 f2 30 10"]),
    FrameCase(
      "a tail call ends one function and starts the next at the same depth",
      one(.enter(1), .enter(2), .tail(3), .tail(4), .leave(4), .leave(1)),
      ["71 0 f1 0 50", "71 1 f2 10 10", "71 1 f3 20 10", "71 1 f4 30 10"]),
    FrameCase(
      "a tail call with nothing open is a call", one(.tail(3), .leave(3)), ["71 0 f3 0 10"]),
    FrameCase(
      "unwound frames end there", one(.enter(1), .enter(2), .enter(3), .unwound(2), .leave(1)),
      ["71 0 f1 0 40", "71 1 f2 10 20", "71 2 f3 20 10"], { $0.unwound = 2 }),
    FrameCase(
      "more unwound than open", one(.enter(1), .unwound(5), .enter(2), .leave(2)),
      ["71 0 f1 0 10", "71 0 f2 20 10"], { $0.unwound = 1 }),
    FrameCase(
      "a return further out leaves what is above", one(.enter(1), .enter(2), .enter(3), .leave(1)),
      ["71 0 f1 0 30", "71 1 f2 10 20", "71 2 f3 20 10"], { $0.unwound = 2 }),
    FrameCase(
      "after a gap durations are not known", one(.enter(1), .enter(2), .enter(3), .gap(2), .leave(1)),
      ["71 0 f1 0 40", "71 1 f2 10 null", "71 2 f3 20 null"], { $0.unseen = 2 }),
    FrameCase(
      "returns of what is not open are counted", one(.enter(1), .leave(9), .unmatched(8), .leave(1)),
      ["71 0 f1 0 30"], { $0.unmatchedReturns = 2 }),
    FrameCase(
      "what is open at the end never returned", one(.enter(1), .enter(2), .leave(2), .enter(3)),
      ["71 0 f1 0 null", "71 1 f2 10 10", "71 1 f3 30 null"], { $0.open = 2 }),
    FrameCase(
      "recursion", one(.enter(1), .enter(1), .enter(1), .leave(1), .leave(1), .leave(1)),
      ["71 0 f1 0 50", "71 1 f1 10 30", "71 2 f1 20 10"]),
    FrameCase(
      "a signal handler's stack continues the depth",
      one(.enter(1), .stack(5), .enter(2), .enter(3), .leave(3), .leave(2), .stack(1), .leave(1)),
      // The stack the thread started on has no index yet: 1 is another, empty one.
      ["71 0 f1 0 null", "71 1 f2 20 30", "71 2 f3 30 10"],
      {
        $0.unmatchedReturns = 1
        $0.open = 1
      }),
    FrameCase(
      "deep recursion crosses chunks and comes back",
      one(
        .stack(1), .enter(1), .stack(2), .enter(2), .stack(3), .enter(3), .leave(3), .stack(2), .leave(2),
        .stack(1), .enter(4), .leave(4), .leave(1)),
      ["71 0 f1 10 110", "71 1 f2 30 50", "71 2 f3 50 10", "71 1 f4 100 10"]),
    FrameCase(
      "chunks entered from each other in turn",
      one(
        .stack(1), .enter(1), .stack(2), .enter(2), .stack(1), .leave(1), .stack(2), .stack(1), .enter(3),
        .stack(2),
        .leave(2), .stack(1), .leave(3)),
      ["71 0 f1 10 40", "71 1 f2 30 70", "71 2 f3 80 40"]),
    FrameCase(
      "fibres are parked and resumed",
      one(
        .stack(1), .enter(1), .stack(2), .enter(2), .stack(1), .enter(3), .stack(4), .enter(4), .leave(4),
        .stack(2),
        .leave(2), .stack(1), .leave(3), .leave(1)),
      ["71 0 f1 10 120", "71 1 f2 30 70", "71 1 f3 50 70", "71 2 f4 70 10"]),
    FrameCase(
      "a fibre moves to another thread",
      [
        (1, .stack(1)), (1, .enter(1)), (1, .stack(3)), (1, .enter(2)), (1, .stack(1)),
        (2, .stack(2)), (2, .enter(4)), (2, .stack(3)), (2, .enter(5)), (2, .leave(5)), (2, .leave(2)),
        (2, .stack(2)), (2, .leave(4)), (1, .leave(1)),
      ],
      ["71 0 f1 10 120", "71 1 f2 30 70", "72 0 f4 60 60", "72 2 f5 80 10"]),
    FrameCase(
      "a thread that ends on a fibre leaves the other thread's frames alone",
      [
        (1, .stack(1)), (1, .enter(1)), (1, .stack(3)), (1, .enter(2)), (1, .stack(1)), (2, .stack(3)),
        (2, .enter(5)),
        (1, .leave(1)),
      ],
      ["71 0 f1 10 60", "71 1 f2 30 null", "72 2 f5 60 null"], { $0.open = 2 }),
    FrameCase(
      "threads in order of time",
      [(1, .enter(1)), (2, .enter(2)), (1, .enter(3)), (2, .leave(2)), (1, .leave(3)), (1, .leave(1))],
      ["71 0 f1 0 50", "72 0 f2 10 20", "71 1 f3 20 20"]),
  ]

  @Test(arguments: cases)
  func eventsBecomeFrames(_ example: FrameCase) throws {
    // With chunks of any length the same must come out.
    for flushEvery in [Int.max, 1, 3] {
      let file = TemporaryFile()
      let events = example.steps.enumerated().map { ($0.element.0, UInt64($0.offset) * 10, $0.element.1) }
      let reader = try makeTrace(events, at: file, flushEvery: flushEvery)
      var options = ReplayOptions()
      options.format = .json
      var outcome: ReportOutcome?
      let text = try output {
        outcome = try ReplayReport.write(reader, options, demangler: Demangler(), to: $0)
      }
      let calls = text.split(separator: "\n").map { line in
        ["tid", "depth", "name", "start_ns", "duration_ns"].map {
          member($0, of: line).replacing("\"", with: "")
        }.joined(separator: " ")
      }
      #expect(calls == example.calls)
      #expect(outcome?.anomalies == example.anomalies)
      #expect(outcome?.damage == [])
      // The report counts the same calls, whatever the order it takes them in.
      let (sums, again) = reader.statistics()
      #expect(sums.reduce(0) { $0 + Int($1.calls) } == example.calls.count)
      #expect(again.anomalies == example.anomalies)
    }
  }

  @Test func selfTimeLeavesOutParkedTime() throws {
    let file = TemporaryFile()
    let steps: [Step] = [
      .stack(1), .enter(1), .stack(2), .enter(2), .stack(1), .enter(3), .leave(3), .stack(2), .leave(2),
      .stack(1), .leave(1),
    ]
    let reader = try makeTrace(steps.enumerated().map { (1, UInt64($0.offset) * 10, $0.element) }, at: file)
    let sums = Dictionary(uniqueKeysWithValues: reader.statistics().0.map { ($0.function, $0) })
    // Time passes to whoever is innermost on the stack that the thread is on.
    // With nothing open on the fibre's stack, that is whoever called it.
    #expect(sums[1]?.own == 20 + 10 + 10 + 20)
    #expect(sums[2]?.own == 10 + 10)
    #expect(sums[3]?.own == 10)
    #expect(sums[2]?.total == 50)
  }
}
