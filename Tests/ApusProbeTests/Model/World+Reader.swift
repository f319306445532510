import ApusProbe

extension World {
  /// The reader's protocol, with what all threads see now:
  /// 1. The position is read (acquire); the words up to it are all written.
  /// 2. They are taken: with a minimum duration by exchange with zero, and a zero is passed over, unless it is the last.
  /// 3. The consumed word is published with a release.
  mutating func read(_ context: Int) {
    do throws(ProbeFault) {
      let consumed = try take(context)
      try memory.setGlobal(setup.context(context) + UInt64(ThreadContext.consumed), consumed)
    } catch { fail("the reader: \(error)") }
  }

  /// Steps 1 and 2; gives what is to be published.
  private mutating func take(_ context: Int) throws(ProbeFault) -> UInt64 {
    let base = ModelLayout.ring(context)
    let mask = UInt64(setup.scenario.ringEvents * 8 - 1)
    var consumed = try memory.global(setup.context(context) + UInt64(ThreadContext.consumed))
    let position = try memory.global(setup.context(context) + UInt64(ThreadContext.position))
    let takesBack = setup.scenario.options.values.contains { $0.minimumTicks > 0 }
    if position > consumed, position - consumed > mask + 1 {
      fail("a position that cannot be: \(position), after \(consumed)")
      return consumed
    }
    while consumed < position {
      let place = base + (consumed & mask)
      let word = try memory.global(place)
      if takesBack {
        if word == 0, consumed + 8 == position { break }
        try memory.setGlobal(place, 0)
      }
      if word != 0 || !takesBack { streams[context].append(word) }
      consumed += 8
    }
    return consumed
  }

  /// The reader as a thread may see it that loads without acquiring: the consumed position is there before the words
  /// are read. ``finishEarlyRead(_:)`` reads them.
  mutating func readEarly(_ context: Int) {
    do throws(ProbeFault) {
      let position = try memory.global(setup.context(context) + UInt64(ThreadContext.position))
      memory.early = (setup.context(context) + UInt64(ThreadContext.consumed), position)
    } catch { fail("the reader: \(error)") }
  }

  /// The reads of a reader whose release was seen early.
  mutating func finishEarlyRead(_ context: Int) {
    do throws(ProbeFault) {
      guard let early = memory.early else { return }
      let base = ModelLayout.ring(context)
      let mask = UInt64(setup.scenario.ringEvents * 8 - 1)
      var consumed = try memory.global(setup.context(context) + UInt64(ThreadContext.consumed))
      if early.value > consumed, early.value - consumed > mask + 1 {
        return fail("a position that cannot be: \(early.value), after \(consumed)")
      }
      while consumed < early.value {
        streams[context].append(try memory.global(base + (consumed & mask)))
        consumed += 8
      }
      try memory.setGlobal(early.address, early.value)
      memory.early = nil
      memory.earlyIsDue = false
    } catch { fail("the reader: \(error)") }
  }
}
