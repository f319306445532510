/// In which order events are wanted.
package enum EventOrder: Sendable {
  /// As the file has them: each thread's in order, threads in long turns. The fastest.
  case file
  /// By time, all threads together.
  case time
  /// As `file`, unless threads may hand stacks to each other, then as `time`.
  case stacks
}

/// Some successive events of one thread.
@safe package struct EventRun {
  /// The thread's key.
  package let thread: UInt32
  /// The process's key.
  package let process: UInt32
  /// Level and timing.
  package let flags: ChunkFlags
  /// The thread has no more events after these.
  package let isLast: Bool
  /// The register files that `registers` events name, if they were asked for.
  package let registers: RegisterFiles?
  /// The events; the memory is valid only while the run is being looked at.
  package let events: UnsafeBufferPointer<TraceEvent>
}

extension TraceReader {
  /// Gives all events of the chosen threads (nil: of all) to `body`, with times in nanoseconds since the
  /// first anchor, or in ticks if `inTicks`. Stops at the first chunk that cannot be decoded, and returns
  /// what is wrong with it.
  ///
  /// - Parameter registers: whether register files are wanted too.
  package func forEachRun<Failure: Error>(
    order: EventOrder, threads: Set<UInt32>? = nil, inTicks: Bool = false, registers: Bool = false,
    _ body: (EventRun) throws(Failure) -> Void
  ) throws(Failure) -> TraceDamage? {
    var chosen = chunks
    if let threads { chosen = chosen.filter { threads.contains($0.header.thread) } }
    if !registers { for index in chosen.indices { chosen[index].registers = nil } }
    let total = chosen.reduce(UInt64(0)) { $0 + UInt64($1.header.events) }
    var done: UInt64 = 0
    func take(_ run: EventRun) throws(Failure) {
      try body(run)
      done += unsafe UInt64(run.events.count)
      progress?(done, total)
    }
    defer { progress?(total, total) }
    let scale = inTicks ? nil : clock.scale
    let severalThreads = Set(chosen.map { $0.header.thread }).count > 1
    let byTime: Bool
    switch order {
    case .file: byTime = false
    case .time: byTime = severalThreads
    case .stacks:
      var users: [UInt32: UInt32] = [:]
      var shared = false
      for chunk in chosen where chunk.header.flags.contains(.stacks) {
        let user = users[chunk.header.process]
        if user != nil, user != chunk.header.thread { shared = true }
        users[chunk.header.process] = chunk.header.thread
      }
      byTime = shared
    }
    if byTime {
      var merger = EventMerger(chosen, file: file, scale: scale)
      return try merger.forEachRun(take)
    }
    var left: [UInt32: Int] = [:]
    for chunk in chosen { left[chunk.header.thread, default: 0] += 1 }
    let pipeline = ChunkPipeline(chosen, file: file, scale: scale)
    pipeline.start()
    defer { pipeline.stop() }
    while let chunk = pipeline.next() {
      if let defect = chunk.defect { return TraceDamage(offset: chunk.offset, defect: defect) }
      let header = chunk.header
      let rest = (left[header.thread] ?? 1) - 1
      left[header.thread] = rest
      let run = unsafe EventRun(
        thread: header.thread, process: header.process, flags: header.flags, isLast: rest == 0,
        registers: chunk.registers, events: chunk.events)
      try take(run)
    }
    return nil
  }
}
