import ApusTraceFile

/// What was odd in a stream of events.
package struct FrameAnomalies: Sendable, Hashable {
  /// Returns of functions that were not open.
  package var unmatchedReturns: UInt64 = 0
  /// Frames left without returning.
  package var unwound: UInt64 = 0
  /// Frames that returned while events were lost.
  package var unseen: UInt64 = 0
  /// Frames that never returned.
  package var open: UInt64 = 0

  /// Nothing odd.
  package init() {}
}

/// Makes calls of events: keeps the open frames of every stack chunk, and tells a visitor what is entered and
/// left.
///
/// Open frames belong to a stack chunk, not to a thread: a fibre's frames stay while it is parked, and go on
/// on whichever thread resumes it. The first frame on an empty chunk is the child of the frame that was
/// innermost where the thread came from. Self time goes to a thread's innermost frame, slice by slice, so it
/// never counts time for which a fibre was parked.
struct FrameMachine<Visitor: FrameVisitor> {
  var visitor: Visitor
  private(set) var anomalies = FrameAnomalies()
  private var threads: [UInt32: ThreadState] = [:]
  private var threadCount: UInt32 = 0
  private var lastTimes: [UInt64] = []
  private var latest: ThreadState?
  private var stacks: [UInt64: FrameStack] = [:]

  init(_ visitor: Visitor) { self.visitor = visitor }

  private mutating func thread(_ run: EventRun) -> ThreadState {
    if let latest, latest.key == run.thread { return latest }
    if let known = threads[run.thread] { return known }
    let state = unsafe ThreadState(
      index: threadCount, key: run.thread, process: run.process, time: run.events.first?.time ?? 0)
    threadCount += 1
    lastTimes.append(state.lastTime)
    threads[run.thread] = state
    return state
  }

  /// Takes in some events of one thread.
  mutating func take(_ run: EventRun) {
    let thread = thread(run)
    latest = thread
    if run.flags.contains(.returns) { takeCalls(run, thread) } else { takeEntries(run, thread) }
    lastTimes[Int(thread.index)] = thread.lastTime
    if run.isLast { end(thread) }
  }

  private mutating func takeCalls(_ run: EventRun, _ thread: ThreadState) {
    var stack = thread.current
    var frames = unsafe stack.base
    var count = stack.count
    var last = thread.lastTime
    let timed = run.flags.contains(.timed)
    let events = unsafe run.events
    for index in 0..<events.count {
      let event = unsafe events[index]
      let time = timed ? event.time : last
      if count > 0 {
        unsafe visitor.spend(time &- last, tag: frames[count &- 1].tag)
      } else if stack.parent != nil {
        stack.count = 0
        if let innermost = stack.innermost { visitor.spend(time &- last, tag: innermost.tag) }
      }
      last = time
      // Patterns, not ==, which would be a call into another module for each event.
      var isCall = false
      if case .entry = event.kind {
        isCall = true
      } else if case .return = event.kind, count > 0 {
        let top = unsafe frames[count &- 1]
        if top.function == event.value {
          count &-= 1
          visitor.leave(top, time: time, end: .returned, thread: thread, stack: stack)
          continue
        }
      } else if case .tail = event.kind, count > 0 {
        count &-= 1
        let left = unsafe frames[count]
        visitor.leave(left, time: time, end: .returned, thread: thread, stack: stack)
        isCall = true
      }
      if isCall {
        if count == stack.capacity {
          stack.count = count
          stack.grow()
          unsafe frames = stack.base
        }
        let parent: Frame?
        if count > 0 {
          unsafe parent = frames[count &- 1]
        } else {
          stack.count = 0
          parent = stack.innermost
        }
        let depth = parent.map { $0.depth &+ 1 } ?? 0
        let tag = visitor.enter(
          event.value, time: time, depth: depth, parent: parent, thread: thread, stack: stack)
        unsafe (frames + count).initialize(
          to: Frame(function: event.value, tag: tag, start: time, depth: depth, thread: thread.index))
        count &+= 1
        continue
      }
      stack.count = count
      rare(event, time, thread, run)
      stack = thread.current
      unsafe frames = stack.base
      count = stack.count
    }
    stack.count = count
    thread.lastTime = last
  }

  private mutating func takeEntries(_ run: EventRun, _ thread: ThreadState) {
    let timed = run.flags.contains(.timed)
    for index in unsafe 0..<run.events.count {
      let event = unsafe run.events[index]
      if timed { thread.lastTime = event.time }
      if event.kind == .registers { note(event, run, thread) }
      guard event.kind == .entry || event.kind == .tail else { continue }
      let frame = Frame(
        function: event.value,
        tag: visitor.enter(
          event.value, time: thread.lastTime, depth: 0, parent: nil, thread: thread, stack: thread.current),
        start: thread.lastTime, depth: 0, thread: thread.index)
      visitor.leave(frame, time: thread.lastTime, end: .unknown, thread: thread, stack: thread.current)
    }
  }

  /// The next call's registers.
  private func note(_ event: TraceEvent, _ run: EventRun, _ thread: ThreadState) {
    thread.registers = run.registers.flatMap { files in
      files[Int(event.value)].map { RecordedRegisters(names: files.names, words: $0) }
    }
  }

  private mutating func rare(
    _ event: TraceEvent, _ time: UInt64, _ thread: ThreadState, _ run: EventRun
  ) {
    let stack = thread.current
    switch event.kind {
    case .entry, .unknown: break
    case .return: returnBelow(event.value, time, thread)
    case .tail: replace(event.value, time, thread)
    case .unwound: pop(min(Int(event.value), stack.count), from: stack, .unwound, time, thread)
    case .gap:
      var left = Int(event.value)
      var from: FrameStack? = stack
      while left > 0, let chunk = from {
        let here = min(left, chunk.count)
        pop(here, from: chunk, .unseen, time, thread)
        left -= here
        from = chunk.parent
      }
    case .stack: select(event.value, thread)
    case .registers: note(event, run, thread)
    case .unmatched: anomalies.unmatchedReturns += 1
    }
  }

  private mutating func pop(
    _ frames: Int, from stack: FrameStack, _ end: FrameEnd, _ time: UInt64, _ thread: ThreadState
  ) {
    for _ in 0..<frames {
      stack.count -= 1
      let frame = unsafe stack.base[stack.count]
      visitor.leave(frame, time: time, end: end, thread: thread, stack: stack)
    }
    switch end {
    case .returned, .unknown: break
    case .unwound: anomalies.unwound += UInt64(frames)
    case .unseen: anomalies.unseen += UInt64(frames)
    case .open: anomalies.open += UInt64(frames)
    }
  }

  /// A return of something else than the innermost frame.
  private mutating func returnBelow(_ function: UInt32, _ time: UInt64, _ thread: ThreadState) {
    let stack = thread.current
    var at = stack.count - 1
    while at >= 0, unsafe stack.base[at].function != function { at -= 1 }
    guard at >= 0 else {
      anomalies.unmatchedReturns += 1
      return
    }
    pop(stack.count - 1 - at, from: stack, .unwound, time, thread)
    pop(1, from: stack, .returned, time, thread)
  }

  private mutating func replace(_ function: UInt32, _ time: UInt64, _ thread: ThreadState) {
    let stack = thread.current
    pop(min(1, stack.count), from: stack, .returned, time, thread)
    if stack.count == stack.capacity { stack.grow() }
    let parent = stack.innermost
    let depth = parent.map { $0.depth &+ 1 } ?? 0
    let tag = visitor.enter(function, time: time, depth: depth, parent: parent, thread: thread, stack: stack)
    unsafe (stack.base + stack.count).initialize(
      to: Frame(function: function, tag: tag, start: time, depth: depth, thread: thread.index))
    stack.count += 1
  }

  private mutating func select(_ index: UInt32, _ thread: ThreadState) {
    let key = UInt64(thread.process) << 32 | UInt64(index)
    let stack = stacks[key] ?? FrameStack()
    stacks[key] = stack
    let from = thread.current
    guard stack !== from else { return }
    if stack.count == 0 {
      // Where nothing is open on `from` either, its own origin takes its place. Whoever on that chain was
      // entered from this chunk, which is empty now, gets what this one was entered from: so chains never
      // become rings.
      var origin: FrameStack? = from
      while let candidate = origin, candidate.count == 0 || candidate === stack { origin = candidate.parent }
      var link = origin
      while let here = link {
        if here.parent === stack { here.parent = stack.parent } else { link = here.parent }
      }
      stack.parent = origin
    }
    thread.current = stack
  }

  /// A thread has no more events: what it had open on the chunks it stood on will never return.
  private mutating func end(_ thread: ThreadState) {
    var stack: FrameStack? = thread.current
    while let chunk = stack {
      closeOwn(chunk, thread)
      stack = chunk.parent
    }
    closeOwn(thread.implicit, thread)
    threads[thread.key] = nil
    if latest === thread { latest = nil }
  }

  /// Closes the innermost frames of a chunk, as far as this thread entered them.
  private mutating func closeOwn(_ chunk: FrameStack, _ thread: ThreadState) {
    while chunk.count > 0, unsafe chunk.base[chunk.count - 1].thread == thread.index {
      pop(1, from: chunk, .open, thread.lastTime, thread)
    }
  }

  /// The trace has ended. Frames of parked fibres, and of threads whose events broke off, are closed at the
  /// time of the last event of the thread that entered them.
  mutating func finish() {
    for thread in threads.values.sorted(by: { $0.index < $1.index }) { end(thread) }
    let nobody = ThreadState(index: .max, key: .max, process: 0, time: 0)
    for (_, stack) in stacks.sorted(by: { $0.key < $1.key }) {
      while stack.count > 0 {
        let owner = unsafe Int(stack.base[stack.count - 1].thread)
        let start = unsafe stack.base[stack.count - 1].start
        pop(1, from: stack, .open, max(start, lastTimes[owner]), nobody)
      }
    }
  }
}
