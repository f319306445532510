import ApusProbe
import Testing

@testable import ApusRecord

/// Entries that stay open until their time comes round.
@Suite struct AgedEntriesTests {
  private let round: UInt64 = 1 << EventWord.timeBits

  private func entry(_ function: UInt32, _ time: UInt64) -> UInt64 {
    EventWord(.entry, function: function, time: time).rawValue
  }

  private func wrapped(_ entries: AgedEntries, _ words: [UInt64], now: UInt64) -> Int {
    unsafe words.withUnsafeBufferPointer { unsafe entries.wrapped($0, now: now) }
  }

  @Test func whatIsSeenForLongIsHandedOnWithTheFirstCounter() {
    let start = 5 * round
    let words = [entry(1, start), entry(2, start + 10)]
    var entries = AgedEntries()
    var old = entries.look(at: words, now: start + 20)
    #expect(old == 0)
    old = entries.look(at: words + [entry(3, start + round / 2)], now: start + round / 2)
    #expect(old == 2)
    #expect(wrapped(entries, words, now: start + 100) == 0)
    #expect(wrapped(entries, words, now: start + round + 7) == 2)
    #expect(entries.notes.map(\.counter) == [start + 20, start + 20, start + round / 2])
    // More than a whole round later it is still old.
    old = entries.look(at: words, now: start + round + 5)
    #expect(old == 2)
    entries.consume(1)
    #expect(entries.notes.map(\.word) == [words[1]])
    entries.consume(7)
    #expect(entries.notes.isEmpty)
  }

  /// What stands in a place may have been taken back, and another be there.
  @Test func anotherWordInItsPlaceIsNotOld() {
    let start = 9 * round
    var entries = AgedEntries()
    var old = entries.look(at: [entry(1, start), entry(2, start)], now: start + 1)
    #expect(old == 0)
    let later = start + round + 3
    let words = [entry(1, start), entry(2, later)]
    old = entries.look(at: words, now: later + 2)
    #expect(old == 1)
    #expect(wrapped(entries, words, now: later + 2) == 1)
    #expect(wrapped(entries, [entry(4, later), words[1]], now: later + 2) == 0)
    old = entries.look(at: [], now: later + 3)
    #expect(old == 0)
    #expect(entries.notes.isEmpty)
  }

  @Test func itIsLookedAtNowAndThen() {
    var entries = AgedEntries()
    let due = [3 * round, 3 * round + 1000, 3 * round + round / 8].map { entries.isDue($0) }
    #expect(due == [true, false, true])
  }
}
