import ApusLiveText
import ApusProbe
import ApusProcess
import ApusSystem
import ApusTraceFile
import Glibc
import Testing

@testable import ApusRecord

extension LaunchingTests {
  @Suite struct RingReaderTests {
    private static func word(_ kind: EventWord.Kind, _ function: UInt32, _ time: UInt64) -> UInt64 {
      EventWord(kind, function: function, time: time).rawValue
    }

    /// A ring of 4 KiB, its two ends, and the trace that its events go to.
    private static func ring(
      minimumTicks: UInt64 = 0,
      _ body:
        @escaping @Sendable (_ reader: RingReader, _ ring: RingWriter, _ writer: TraceWriter) throws -> Void
    ) throws -> [Logged] {
      let trace = TemporaryTrace()
      try Laboratory.run { laboratory in
        var pool = BufferPool(laboratory.memory.layout)
        let taken = pool.take()
        let buffer = try #require(taken)
        let writer = try trace.writer()
        let reader = RingReader(
          thread: 1, process: 1, buffer: buffer, context: 7, memory: laboratory.memory,
          minimumTicks: minimumTicks)
        try body(reader, RingWriter(laboratory.memory, buffer, context: 7), writer)
        try writer.endEvents(thread: 1)
        try writer.finish(anchor: nil)
      }
      return try trace.events()[1] ?? []
    }

    private static func text(_ events: [Logged]) -> String {
      events.map { event -> String in
        switch event.kind {
        case .entry: "+\(event.function)"
        case .return: "-\(event.function)"
        default: "?"
        }
      }.joined(separator: " ")
    }

    @Test func anEmptyRingGivesNothing() throws {
      let events = try Self.ring { reader, _, writer in
        let first = try reader.drain(into: writer)
        let last = try reader.drain(into: writer, isOver: true)
        #expect(first == 0 && last == 0 && reader.calls == 0)
      }
      #expect(events.isEmpty)
    }

    @Test func itGoesRoundAndRound() throws {
      let events = try Self.ring { reader, ring, writer in
        let now = ProcessorCounter.read()
        var written: UInt32 = 0
        // Batches that do not divide the ring's 512 places, and some that fill it (one place stays free).
        for batch in [1, 100, 511, 510, 3, 511, 77, 509, 511, 511, 1] {
          for _ in 0..<batch {
            written += 1
            let kind: EventWord.Kind = written % 2 == 1 ? .entry : .return
            try ring.append(Self.word(kind, (written + 1) / 2, now + UInt64(written)))
          }
          #expect(try reader.drain(into: writer) == UInt64(batch))
          #expect(ring.consumed % UInt64(ring.size) == ring.position % UInt64(ring.size))
        }
        #expect(reader.calls == UInt64(written + 1) / 2)
        _ = try reader.drain(into: writer, isOver: true)
      }
      let total = [1, 100, 511, 510, 3, 511, 77, 509, 511, 511, 1].reduce(0, +)
      #expect(events.count == total)
      for (index, event) in events.enumerated() {
        #expect(event.kind == (index % 2 == 0 ? .entry : .return) && event.function == UInt32(index / 2 + 1))
      }
    }

    @Test(arguments: [0, 1] as [UInt64])
    func aWriterThatRunsAtTheSameTime(minimumTicks: UInt64) throws {
      let count: UInt32 = 60_000
      let events = try Self.ring(minimumTicks: minimumTicks) { reader, ring, writer in
        let now = ProcessorCounter.read()
        let thread = try SystemThread {
          for call in 1...count {
            try? ring.append(Self.word(.entry, call, now + UInt64(call) * 4))
            try? ring.append(Self.word(.return, call, now + UInt64(call) * 4 + 2))
            try? ring.seal()
          }
        }
        var taken: UInt64 = 0
        while taken < 2 * UInt64(count) { taken += try reader.drain(into: writer) }
        try thread.join()
        #expect(try reader.drain(into: writer, isOver: true) == 0)
        #expect(reader.calls == UInt64(count))
      }
      #expect(events.count == 2 * Int(count))
      for (index, event) in events.enumerated() where event.function != UInt32(index / 2 + 1) {
        Issue.record("event \(index) is of function \(event.function)")
        break
      }
    }

    @Test func aPositionThatCannotBeIsNotFollowed() throws {
      let events = try Self.ring { reader, ring, writer in
        try ring.append(Self.word(.entry, 1, ProcessorCounter.read()))
        #expect(try reader.drain(into: writer) == 1)
        for position in [UInt64(4096 + 8), 3, 17, .max, 1 << 63] {
          try ring.set(position: position)
          #expect(try reader.drain(into: writer, isOver: true) == 0, "\(position)")
        }
      }
      #expect(Self.text(events) == "+1")
    }

    /// A script of entries (+), returns (-), entries taken back (<), seals (=) and drains (|); times are 10 apart unless a call is long: "(…)" waits 1000.
    private static func script(_ script: String, minimumTicks: UInt64 = 100) throws -> String {
      let events = try ring(minimumTicks: minimumTicks) { reader, ring, writer in
        // Later than any reader's now: what time it really is must not show.
        var time = (ProcessorCounter.read() &+ 1 << 34) & ((1 << EventWord.timeBits) - 1)
        for token in script.split(separator: " ") {
          time += 10
          let function = UInt32(token.dropFirst()) ?? 0
          switch token.first {
          case "+": try ring.append(word(.entry, function, time))
          case "-":
            try ring.append(word(.return, function, time))
            try ring.seal()
          case "=": try ring.seal()
          case "<": #expect(try ring.takeBack())
          case "~": time += 1000
          default: _ = try reader.drain(into: writer)
          }
        }
        _ = try reader.drain(into: writer, isOver: true)
      }
      return text(events)
    }

    /// What was read before its return came is left out all the same: how often we look must not show.
    @Test(arguments: [
      ("+1 -1", ""), ("+1 | -1", ""), ("| +1 | -1 |", ""), ("+1 ~ -1", "+1 -1"), ("+1 | ~ -1", "+1 -1"),
      ("+1 ~ | -1 +2 | -2", "+1 -1"), ("+1 +2 -2 ~ -1", "+1 -1"), ("+1 +2 | -2 ~ -1", "+1 -1"),
      ("+1 +2 ~ -2 -1", "+1 +2 -2 -1"), ("+1 | +2 | ~ -2 | -1", "+1 +2 -2 -1"), ("+1 <", ""),
      ("+1 +2 < ~ -1", "+1 -1"),
      ("+1 | +2 < | ~ -1", "+1 -1"), ("+1 = | -1", ""), ("+1 = +2 | < = | ~ -1", "+1 -1"), ("+1 |", "+1"),
      ("+1 +2 |", "+1 +2"), ("+1 +1 | -1 ~ -1", "+1 -1"),
      ("+1 | +2 -2 -1", ""), ("+1 +2 | -2 -1", ""), ("+1 | +2 | -2 | -1", ""),
      ("+1 +2 +3 | -3 -2 | -1 ~", ""),
      ("~ +9 ~ | +1 | +2 -2 | +2 -2 | -1 | -9", "+9 -9"), ("+1 | +2 | +3 ~ -3 -2 -1", "+1 +2 +3 -3 -2 -1"),
    ])
    func shortCallsAreLeftOutHoweverTheyAreRead(script: String, wanted: String) throws {
      #expect(try Self.script(script) == wanted, "\(script)")
    }

    @Test func whatIsNotSealedIsNotRead() throws {
      let events = try Self.ring(minimumTicks: 100) { reader, ring, writer in
        let now = ProcessorCounter.read()
        try ring.append(Self.word(.entry, 1, now))
        try ring.seal()
        try ring.append(Self.word(.entry, 2, now))
        #expect(try reader.drain(into: writer) == 1)
        #expect(ring.consumed == 8)
        #expect(try ring.takeBack())
        #expect(try !ring.takeBack())
        try ring.append(Self.word(.return, 1, now + 5000))
        #expect(try reader.drain(into: writer) == 0)
        try ring.seal()
        #expect(try reader.drain(into: writer) == 1)
        try ring.append(Self.word(.entry, 3, now + 6000))
        #expect(try reader.drain(into: writer, isOver: true) == 1)
      }
      #expect(Self.text(events) == "+1 -1 +3")
    }

    /// Before its time comes round, an open call's entry is not the writer's to take back any more.
    @Test func whatIsOpenForLongIsDeclaredOld() throws {
      let events = try Self.ring(minimumTicks: 100) { reader, ring, writer in
        let now = ProcessorCounter.read()
        let long: UInt64 = 1 << (EventWord.timeBits - 2)
        try ring.append(Self.word(.entry, 1, now &- long))
        try ring.append(Self.word(.entry, 2, now &- long + 7))
        try ring.append(Self.word(.entry, 3, now &- 10_000))
        #expect(try reader.drain(into: writer) == 0)
        #expect(ring.aged == 16)
        #expect(try ring.takeBack())
        #expect(try !ring.takeBack())
      }
      #expect(events.isEmpty)
    }
  }

  @Suite struct DrainWorkerTests {
    @Test func severalThreadsAreDrainedAndClosed() throws {
      let trace = TemporaryTrace()
      let threads: UInt32 = 3
      let calls: UInt32 = 20_000
      try Laboratory.run { laboratory in
        var pool = BufferPool(laboratory.memory.layout)
        let worker = DrainWorker(
          writer: try trace.writer(), control: laboratory.memory.control, waker: laboratory.tracer.waker)
        let drain = try SystemThread { worker.run() }
        worker.begin()
        var rings: [RingReader] = []
        var writers: [SystemThread] = []
        for thread in 1...threads {
          let taken = pool.take()
          let buffer = try #require(taken)
          let ring = RingReader(
            thread: thread, process: 1, buffer: buffer, context: Int(thread) * 100, memory: laboratory.memory,
            minimumTicks: 0)
          rings.append(ring)
          worker.send(.open(ring))
          let end = RingWriter(laboratory.memory, buffer, context: Int(thread) * 100)
          writers.append(
            try SystemThread {
              for call in 1...calls {
                try? end.append(EventWord(.entry, function: call, time: ProcessorCounter.read()).rawValue)
                try? end.append(EventWord(.return, function: call, time: ProcessorCounter.read()).rawValue)
              }
            })
        }
        for (thread, ring) in zip(writers, rings) {
          try thread.join()
          worker.send(.close(ring))
        }
        worker.send(.stop)
        worker.waitUntilStopped()
        try drain.join()
        #expect(worker.failure == nil)
        #expect(worker.calls == UInt64(threads * calls))
        #expect(Set(worker.takeClosed().map(\.thread)) == Set(1...threads))
        #expect(worker.takeClosed().isEmpty, "each once")
      }
      let reader = try TraceReader(path: trace.path)
      #expect(reader.calls == UInt64(threads * calls))
      var sums: [UInt32: Int] = [:]
      _ = reader.forEachRun(order: .file) { (run: EventRun) in
        sums[run.thread, default: 0] += unsafe run.events.count
      }
      #expect(sums == [1: 2 * Int(calls), 2: 2 * Int(calls), 3: 2 * Int(calls)])
    }
  }
}
