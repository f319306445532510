import ApusProbe

extension World {
  /// The reader's protocol, with what all threads see now:
  /// 1. The position is read (acquire); the words up to it are all written.
  /// 2. They are read.
  /// 3. The consumed word is published with a release.
  ///
  /// With a minimum duration what is sealed takes the position's place until the thread has ended.
  mutating func read(_ context: Int, isOver: Bool = false) {
    // Nobody reads what a child writes.
    if isChild { return }
    // It is the same reader.
    if memory.early?.address == setup.context(context) + UInt64(ThreadContext.consumed) {
      finishEarlyRead(context)
    }
    do throws(ProbeFault) {
      let consumed = try take(context, published(isOver: isOver))
      try memory.setGlobal(setup.context(context) + UInt64(ThreadContext.consumed), consumed)
    } catch { fail("the reader: \(error)") }
  }

  /// Steps 1 and 2; gives what is to be published.
  private mutating func take(_ context: Int, _ published: Int32) throws(ProbeFault) -> UInt64 {
    var consumed = try memory.global(setup.context(context) + UInt64(ThreadContext.consumed))
    let position = try memory.global(setup.context(context) + UInt64(published))
    while let place = next(context, &consumed, position) {
      streams[context].append(try memory.global(place))
      consumed = place + 8
    }
    return consumed
  }

  private func published(isOver: Bool) -> Int32 {
    setup.scenario.minimumTicks == 0 || isOver ? ThreadContext.position : ThreadContext.sealed
  }

  /// Where the next word is read; nil if there is none. At the end it goes back to the start only after the writer.
  private mutating func next(_ context: Int, _ consumed: inout UInt64, _ position: UInt64) -> UInt64? {
    let start = ModelLayout.ring(context)
    let end = start + UInt64(setup.scenario.ringEvents * 8)
    guard (start...end).contains(position), (start...end).contains(consumed) else {
      fail("a position that cannot be: \(position), after \(consumed)")
      return nil
    }
    if position < consumed, consumed == end { consumed = start }
    return consumed == position ? nil : consumed
  }

  /// The reader as a thread may see it that loads without acquiring: the consumed position is there before the words
  /// are read. ``finishEarlyRead(_:)`` reads them.
  mutating func readEarly(_ context: Int) {
    do throws(ProbeFault) {
      let position = try memory.global(setup.context(context) + UInt64(published(isOver: false)))
      memory.early = (setup.context(context) + UInt64(ThreadContext.consumed), position)
    } catch { fail("the reader: \(error)") }
  }

  /// The reads of a reader whose release was seen early.
  mutating func finishEarlyRead(_ context: Int) {
    do throws(ProbeFault) {
      guard let early = memory.early else { return }
      var consumed = try memory.global(setup.context(context) + UInt64(ThreadContext.consumed))
      while let place = next(context, &consumed, early.value) {
        streams[context].append(try memory.global(place))
        consumed = place + 8
      }
      try memory.setGlobal(early.address, early.value)
      memory.early = nil
      memory.earlyIsDue = false
    } catch { fail("the reader: \(error)") }
  }
}
