import ApusProbe

extension World {
  /// The reader's protocol, with what all threads see now:
  /// 1. From the consumed position on, words are taken until one is zero.
  /// 2. Each is overwritten with zero.
  /// 3. The consumed position is published with a release.
  mutating func read(_ context: Int) {
    do throws(ProbeFault) {
      let base = ModelLayout.ring(context)
      let mask = UInt64(setup.scenario.ringEvents * 8 - 1)
      var consumed = try memory.global(ModelLayout.consumed(context))
      while true {
        let place = base + ((consumed + 8) & mask)
        let word = try memory.global(place)
        if word == 0 { break }
        streams[context].append(word)
        try memory.setGlobal(place, 0)
        consumed += 8
      }
      try memory.setGlobal(ModelLayout.consumed(context), consumed)
    } catch { fail("the reader: \(error)") }
  }

  /// The reader as a thread may see it that loads without acquiring: the consumed position is there before the zeros.
  /// ``finishEarlyRead(_:)`` stores them.
  mutating func readEarly(_ context: Int) -> [UInt64] {
    var zeros: [UInt64] = []
    do throws(ProbeFault) {
      let base = ModelLayout.ring(context)
      let mask = UInt64(setup.scenario.ringEvents * 8 - 1)
      var consumed = try memory.global(ModelLayout.consumed(context))
      while true {
        let place = base + ((consumed + 8) & mask)
        let word = try memory.global(place)
        if word == 0 || zeros.contains(place) { break }
        streams[context].append(word)
        zeros.append(place)
        consumed += 8
      }
      memory.early = (ModelLayout.consumed(context), consumed)
    } catch { fail("the reader: \(error)") }
    return zeros
  }

  /// The stores of a reader whose release was seen early.
  mutating func finishEarlyRead(_ context: Int, _ zeros: [UInt64]) {
    do throws(ProbeFault) {
      for zero in zeros { try memory.setGlobal(zero, 0) }
      if let early = memory.early { try memory.setGlobal(early.address, early.value) }
      memory.early = nil
      memory.earlyIsDue = false
    } catch { fail("the reader: \(error)") }
  }
}
