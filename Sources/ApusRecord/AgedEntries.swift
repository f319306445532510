internal import ApusProbe

/// The entries of a thread that it may still take back, looked at now and then: after 2^38 ticks their time could not be told from
/// a later one.
///
/// 1. The words between the sealed and the thread's position are noted, with the counter at the time when they were first seen. They may be
///    changing meanwhile, so this is only known: if the same word is sealed in the same place, it is that old.
/// 2. What is old is declared so: its thread does not take it back any more, even when its return seems to come soon.
/// 3. When the words are sealed, those that were noted long ago are handed on with the counter of that time.
struct AgedEntries {
  /// A word, and the counter when it was first seen.
  struct Note: Sendable, Hashable {
    var word: UInt64
    var counter: UInt64
  }

  /// What was seen from the first word on that is not consumed.
  private(set) var notes: [Note] = []
  private var lookedAt: UInt64 = 0

  /// In ticks.
  private static let interval: UInt64 = 1 << (EventWord.timeBits - 5)
  private static let old: UInt64 = 1 << (EventWord.timeBits - 3)
  /// What must be handed on with an older counter: half of what a word's time holds.
  private static let wrapping: UInt64 = 1 << (EventWord.timeBits - 1)

  /// Whether it is time to look again.
  mutating func isDue(_ now: UInt64) -> Bool {
    guard now &- lookedAt >= Self.interval else { return false }
    lookedAt = now
    return true
  }

  /// Notes what stands behind the consumed words; gives how many of them from the first on are old.
  mutating func look(at words: [UInt64], now: UInt64) -> Int {
    var seen: [Note] = []
    var count = 0
    for (index, word) in words.enumerated() {
      let isKnown = index < notes.count && notes[index].word == word
      let note = Note(word: word, counter: isKnown ? notes[index].counter : now)
      seen.append(note)
      let age = (note.counter &- EventWord(rawValue: word).time) & (1 << EventWord.timeBits - 1)
      // One that is newer than the counter has no age.
      let seen = age < Self.wrapping ? age : 0
      if seen &+ (now &- min(now, note.counter)) >= Self.old { count = index + 1 }
    }
    notes = seen
    return count
  }

  /// How many of the words that are sealed now, from the first on, must be handed on with the counters of their notes.
  func wrapped(_ words: UnsafeBufferPointer<UInt64>, now: UInt64) -> Int {
    var count = 0
    for (index, note) in notes.enumerated() where index < words.count {
      guard unsafe words[index] == note.word, now &- note.counter >= Self.wrapping else { break }
      count = index + 1
    }
    return count
  }

  /// So many words have been consumed.
  mutating func consume(_ count: Int) { notes.removeFirst(min(count, notes.count)) }
}
