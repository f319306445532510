internal import ApusCore
internal import ApusLiveText
internal import ApusProbe
internal import ApusProcess
internal import ApusSystem
internal import ApusTraceFile
internal import Logging

extension RecordSession {
  /// Makes a stopped thread a recorded one.
  func begin(thread: ThreadID) throws(RecordError) {
    guard isLive, let worker, let memory, contexts != nil, buffers != nil else { return }
    let target = try lifting { () throws(TraceError) in try tracer.memory(of: process) }
    guard let threadPointer = try threadPointer(of: thread, memory: target) else {
      note("a thread without a thread pointer is not recorded")
      return
    }
    takeBackBuffers()
    try giveUpShared(threadPointer, memory: target)
    if shared[threadPointer]?.insert(thread) != nil { return }
    guard let index = contexts?.place(for: threadPointer) else {
      note("there is no room for more threads: the calls of some are counted as lost")
      return
    }
    threadCount += 1
    let record = ThreadRecord(
      key: threadCount, process: Self.processKey, tid: UInt32(thread),
      name: system.name(of: thread, in: process),
      start: system.clock.counter())
    var ring: RingReader?
    var copied: CopiedRing?
    let buffer = options.level == .count ? nil : buffers?.take()
    if let buffer, copiesRings {
      copied = try lifting { () throws(LiveTextError) in
        try CopiedRing(
          thread: record.key, buffer: buffer, context: index, memory: memory, minimumTicks: minimumTicks)
      }
    } else if let buffer {
      ring = RingReader(
        thread: record.key, process: Self.processKey, buffer: buffer, context: index, memory: memory,
        minimumTicks: minimumTicks, clock: system.clock)
      if threadCount == 1, let gate = trampolines.first?.gate, !system.stopsItself {
        let caller = RemoteCaller(tracer, thread: thread, gate: gate)
        try lifting { () throws(LiveTextError) in
          try memory.populate(offset: buffer.offset, bytes: buffer.size, in: caller)
        }
      }
    }
    let shared = memory.sharedRange.start
    let registers = try lifting { () throws(TraceError) in try tracer.registers(of: thread) }
    let cursor = ContextTable.Cursor(
      buffer: buffer.map { (shared + UInt64($0.offset), $0.size) },
      stackTop: try stackTop(of: thread, stackPointer: registers.stackPointer),
      counters: options.level == .count
        ? shared + UInt64(memory.layout.counters + index * memory.layout.counterStride) : 0)
    try lifting { () throws(ApusProcess.MemoryError) in
      try contexts?.insert(threadPointer, at: index, cursor: cursor, in: target)
    }
    worker.send(.threads([record]))
    if let ring { worker.send(.open(ring)) }
    threads[thread] = RecordedThread(
      record: record, context: index, ring: ring, copied: copied)
  }

  /// An address in the highest stack chunk that frames of a thread's own stack may have.
  ///
  /// The main thread stands deep in the dynamic loader when its context is made, and main's frame will be above that: its
  /// stack ends with the mapping. A new thread stands at the top. One that has stopped itself does so some saved
  /// registers below its first recorded frame.
  private func stackTop(of thread: ThreadID, stackPointer: Address) throws(RecordError) -> Address {
    if thread == mainThread {
      let mappings = try system.mappings(of: process, on: thread)
      return mappings.first { $0.range.contains(stackPointer) }.map { $0.range.end - 1 } ?? stackPointer
    }
    return system.stopsItself ? stackPointer &+ Self.ownStop : stackPointer
  }

  /// At least what a trampoline that stops its thread has on the stack.
  private static let ownStop: UInt64 = 1 << 14

  /// The word that a task's trampolines find its context by, whichever process it is of; nil if it has none.
  func threadPointer(of thread: ThreadID, memory: ProcessMemory) throws(RecordError) -> UInt64? {
    let base = try lifting { () throws(TraceError) in try tracer.threadPointer(of: thread) }
    guard base != 0 else { return nil }
    guard tracer.architecture.keepsThreadPointerInMemory else { return base }
    let word = try lifting { () throws(ApusProcess.MemoryError) in try memory.readWord(base) }
    return word == 0 ? base : word
  }

  /// Another task has this thread pointer: two would write where one may, so the thread that was recorded is not any more.
  /// Nor is any other with that thread pointer, until the last thread of the process that has it is over.
  func giveUpShared(_ threadPointer: UInt64, memory: ProcessMemory) throws(RecordError) {
    guard let index = contexts?.index(of: threadPointer) else { return }
    // A server may tell of a thread's end after it has told of the birth of one that has its place.
    if let owner = threads.first(where: { $0.value.context == index && !$0.value.isGivenUp })?.key,
      system.hasEnded(owner, in: process)
    {
      return try end(thread: owner)
    }
    note("two tasks share one thread pointer: both are not recorded from there on")
    try lifting { () throws(ApusProcess.MemoryError) in try contexts?.retire(index, in: memory) }
    guard let owner = threads.first(where: { $0.value.context == index && !$0.value.isGivenUp })?.key else {
      return
    }
    threads[owner]?.isGivenUp = true
    shared[threadPointer] = [owner]
  }

  private func leaveShared(_ thread: ThreadID) {
    for (threadPointer, sharers) in shared where sharers.contains(thread) {
      shared[threadPointer] = sharers.count == 1 ? nil : sharers.subtracting([thread])
    }
  }

  /// A thread runs no more: its context may be another's, its ring is emptied for good.
  func end(thread: ThreadID) throws(RecordError) {
    leaveShared(thread)
    if copiesRings, let recorded = threads[thread] { try readLast(recorded, of: thread) }
    guard let recorded = threads.removeValue(forKey: thread), let worker else { return }
    if !copiesRings { try takeCounts(context: recorded.context) }
    var record = recorded.record
    record.end = system.clock.counter()
    worker.send(.threads([record]))
    if let copied = recorded.copied {
      hand(copied.finish(), thread: record.key)
      worker.send(.over(record.key))
      buffers?.give(copied.buffer)
    }
    if let ring = recorded.ring { worker.send(.close(ring)) }
    guard isLive, !copies.isOver else { return }
    let target = try lifting { () throws(TraceError) in try tracer.memory(of: process) }
    if !recorded.isGivenUp {
      do throws(ApusProcess.MemoryError) { try contexts?.retire(recorded.context, in: target) } catch {
        // The process is going as a whole.
        logger.debug("context of thread \(thread): \(error)")
      }
    }
    if recorded.ring == nil { contexts?.release(recorded.context) }
  }

  /// Adds a thread's counters to the sums, and leaves zeros.
  func takeCounts(context: Int) throws(RecordError) {
    guard options.level == .count, let memory else { return }
    let table = memory.layout.counters + context * memory.layout.counterStride
    let number = Int(functionCount) + 1
    try lifting { () throws(LiveTextError) in
      let calls = try memory.words(table, number)
      for function in 0..<number where calls[function] != 0 { counts[function] += calls[function] }
      if calls.contains(where: { $0 != 0 }) {
        try memory.mapping.write([UInt8](repeating: 0, count: 8 * number), at: table)
      }
    }
  }

  /// Buffers that were emptied can be given out again.
  private func takeBackBuffers() {
    guard let worker else { return }
    for ring in worker.takeClosed() {
      buffers?.give(ring.buffer)
      contexts?.release(ring.context)
    }
  }

  func note(_ text: String) {
    if !notes.contains(text) { notes.append(text) }
  }
}
