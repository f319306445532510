import ApusProbe
import ApusReport
import ApusTraceFile
import Testing

/// A naive model of what reports must say: recursive, one thread at a time, no fibres.
private struct Model {
  var calls: [UInt32: UInt64] = [:]
  var total: [UInt32: UInt64] = [:]
  var own: [UInt32: UInt64] = [:]
  var least: [UInt32: UInt64] = [:]
  var most: [UInt32: UInt64] = [:]
  /// Self time and calls by path.
  var paths: [String: UInt64] = [:]
  var pathCalls: [String: UInt64] = [:]

  mutating func add(_ events: [(time: UInt64, step: Step)]) {
    var stack: [(function: UInt32, start: UInt64)] = []
    var last = events.first?.time ?? 0
    func path() -> String { stack.map { "f\($0.function)" }.joined(separator: ";") }
    func pop(_ time: UInt64, ended: Bool) {
      guard let frame = stack.popLast() else { return }
      let duration = time - frame.start
      if !stack.contains(where: { $0.function == frame.function }) {
        total[frame.function, default: 0] += duration
      }
      guard ended else { return }
      least[frame.function] = min(least[frame.function] ?? .max, duration)
      most[frame.function] = max(most[frame.function] ?? 0, duration)
    }
    func push(_ function: UInt32, _ time: UInt64) {
      stack.append((function, time))
      calls[function, default: 0] += 1
      pathCalls[path(), default: 0] += 1
    }
    for (time, step) in events {
      if let top = stack.last {
        own[top.function, default: 0] += time - last
        paths[path(), default: 0] += time - last
      }
      last = time
      switch step {
      case .enter(let function): push(function, time)
      case .leave(let function):
        guard stack.contains(where: { $0.function == function }) else { continue }
        while let top = stack.last {
          pop(time, ended: true)
          if top.function == function { break }
        }
      case .tail(let function):
        pop(time, ended: true)
        push(function, time)
      case .unwound(let count): for _ in 0..<count { pop(time, ended: true) }
      case .gap(let count): for _ in 0..<count { pop(time, ended: false) }
      case .stack, .unmatched: break
      }
    }
    while !stack.isEmpty { pop(last, ended: false) }
  }
}

@Suite struct AgreementTests {
  private static func random(_ seed: UInt64) -> [(thread: UInt32, time: UInt64, step: Step)] {
    var generator = SeededGenerator(state: seed)
    var events: [(thread: UInt32, time: UInt64, step: Step)] = []
    var open: [[UInt32]] = [[], [], []]
    var time: UInt64 = 100
    for _ in 0..<Int.random(in: 500..<4000, using: &generator) {
      time += UInt64.random(in: 0..<300, using: &generator)
      let thread = Int.random(in: 0..<3, using: &generator)
      let function = UInt32.random(in: 1...9, using: &generator)
      let step: Step
      switch Int.random(in: 0..<100, using: &generator) {
      case 0..<47:
        step = .enter(function)
        open[thread].append(function)
      case 47..<90:
        guard let left = open[thread].popLast() else { continue }
        step = .leave(left)
      case 90, 91:
        step = .leave(function)
        if let at = open[thread].lastIndex(of: function) { open[thread].removeSubrange(at...) }
      case 92...94:
        step = .tail(function)
        _ = open[thread].popLast()
        open[thread].append(function)
      case 95, 96:
        step = .unwound(2)
        open[thread].removeLast(min(2, open[thread].count))
      case 97:
        step = .gap(1)
        open[thread].removeLast(min(1, open[thread].count))
      default: step = .unmatched(function)
      }
      events.append((UInt32(thread + 1), time, step))
    }
    return events
  }

  private static func model(_ events: [(thread: UInt32, time: UInt64, step: Step)]) -> Model {
    var model = Model()
    for thread in 1...3 as ClosedRange<UInt32> {
      model.add(events.filter { $0.thread == thread }.map { ($0.time, $0.step) })
    }
    return model
  }

  @Test(arguments: [UInt64](1...20))
  func reportsAgreeWithANaiveModel(_ seed: UInt64) throws {
    let events = Self.random(seed)
    let model = Self.model(events)
    let file = TemporaryFile()
    let reader = try makeTrace(events, at: file, flushEvery: seed % 2 == 0 ? 97 : .max)

    let (sums, _) = reader.statistics()
    #expect(sums.count == model.calls.count)
    for sum in sums {
      #expect(sum.calls == model.calls[sum.function])
      #expect(sum.total == model.total[sum.function])
      #expect(sum.own == model.own[sum.function] ?? 0)
      #expect(sum.least == model.least[sum.function])
      #expect(sum.most == model.most[sum.function])
    }

    let threads = ThreadSelection()
    let folded = try output {
      _ = try CollapsedExport.write(reader, threads: threads, demangler: Demangler(), to: $0)
    }
    var paths: [String: UInt64] = [:]
    for line in folded.split(separator: "\n") {
      let space = try #require(line.lastIndex(of: " "))
      paths[String(line[..<space])] = UInt64(line[line.index(after: space)...])
    }
    #expect(paths == model.paths.filter { $0.value > 0 })

    // The graph: the calls of all rows with a name add up to the function's, so does each path's line count.
    let graph = try output {
      _ = try GraphReport.write(reader, GraphOptions(), demangler: Demangler(), to: $0)
    }
    var graphCalls: [String: UInt64] = [:]
    for line in graph.split(separator: "\n").dropFirst() {
      let words = line.split(separator: " ")
      let name = try #require(words.last)
      // Total and its unit, share, calls, then branches and the name.
      graphCalls[String(name), default: 0] += UInt64(words[3]) ?? 0
    }
    #expect(graph.split(separator: "\n").count - 1 == model.pathCalls.count)
    #expect(graphCalls == Dictionary(uniqueKeysWithValues: model.calls.map { ("f\($0.key)", $0.value) }))

    // Chrome: calls, and outermost durations.
    let chrome = try output {
      _ = try ChromeExport.write(reader, threads: threads, demangler: Demangler(), to: $0)
    }
    var chromeCalls: [String: UInt64] = [:]
    for line in chrome.split(separator: "\n") where line.contains("\"ph\":\"X\"") {
      chromeCalls[member("name", of: line).replacing("\"", with: ""), default: 0] += 1
    }
    #expect(chromeCalls == graphCalls)
  }

  @Test func untimedTracesCountAndHaveNoTimes() throws {
    let events = Self.random(77)
    let model = Self.model(events)
    let file = TemporaryFile()
    let reader = try makeTrace(events, at: file, timed: false)
    let folded = try output {
      _ = try CollapsedExport.write(reader, threads: ThreadSelection(), demangler: Demangler(), to: $0)
    }
    #expect(folded.split(separator: "\n").count == model.pathCalls.count)
    for line in folded.split(separator: "\n") {
      let words = line.split(separator: " ")
      #expect(UInt64(words[1]) == model.pathCalls[String(words[0])])
    }
    var options = SummaryOptions()
    options.format = .json
    let json = try output { _ = try SummaryReport.write(reader, options, demangler: Demangler(), to: $0) }
    #expect(!json.contains("_ns"))
    #expect(json.contains("\"calls\":\(model.calls[1] ?? 0)"))
  }

  @Test func levelEntryCountsAndKeepsNothingOpen() throws {
    let file = TemporaryFile()
    let reader = try makeTrace(
      (0..<100).map { (1, UInt64($0) * 10, Step.enter(UInt32($0 % 3 + 1))) }, at: file, returns: false)
    let (sums, outcome) = reader.statistics()
    #expect(sums.map(\.calls) == [34, 33, 33])
    #expect(outcome.anomalies == FrameAnomalies())
    let text = try output {
      _ = try ReplayReport.write(reader, ReplayOptions(), demangler: Demangler(), to: $0)
    }
    #expect(text.split(separator: "\n").count == 101)
    #expect(text.contains("f2();"))
  }

  @Test func threadsCanBeChosen() throws {
    let events = Self.random(3)
    let file = TemporaryFile()
    let reader = try makeTrace(events, at: file)
    var model = Model()
    model.add(events.filter { $0.thread == 2 }.map { ($0.time, $0.step) })
    let (sums, _) = reader.statistics(threads: ThreadSelection(tids: [72]))
    #expect(Dictionary(uniqueKeysWithValues: sums.map { ($0.function, $0.calls) }) == model.calls)
    #expect(reader.statistics(threads: ThreadSelection(tids: [1])).0.isEmpty)
  }

  @Test func deepRecursionAndManyTailCallsStayBounded() throws {
    let file = TemporaryFile()
    var steps: [Step] = []
    for chunk in 1...50 as ClosedRange<UInt64> {
      steps.append(.stack(chunk))
      for _ in 0..<2000 { steps.append(.enter(1)) }
    }
    for _ in 0..<50_000 { steps += [.tail(2), .tail(1)] }
    for chunk in (1...50 as ClosedRange<UInt64>).reversed() {
      steps.append(.stack(chunk))
      for _ in 0..<2000 { steps.append(.leave(1)) }
    }
    let reader = try makeTrace(steps.enumerated().map { (1, UInt64($0.offset), $0.element) }, at: file)
    let (sums, outcome) = reader.statistics()
    #expect(outcome.anomalies == FrameAnomalies())
    #expect(sums.map(\.calls) == [150_000, 50_000])
    #expect(sums[0].total == UInt64(steps.count - 2))
    // The function that was replaced last had been running for one step each time.
    #expect(sums[1].total == 50_000)
    let folded = try output {
      _ = try CollapsedExport.write(reader, threads: ThreadSelection(), demangler: Demangler(), to: $0)
    }
    // Deeper paths than 2048 calls are one line.
    #expect(folded.split(separator: "\n").count == 2049)
    #expect(folded.contains(";(more call paths) "))
  }
}
