internal import ApusProbe

/// Leaves calls out of a thread's events that were shorter than a minimum and have nothing recorded inside, with their register
/// files.
///
/// The writer logs every call: to take an entry back, which the reader may be reading, would cost it a locked exchange a call.
///
/// 1. An entry is held back, until its return comes, or it has been open for the minimum, or something is
///    recorded inside. A tail call is held behind it: the frame is the same.
/// 2. A return whose frame is the last that is held goes with it, if the frame was short. Any other return, and whatever else tells
///    of frames, lets all go on that is held, and follows.
///
/// So what is left out does not depend on when the events are looked at; but a thread that is interrupted between a return and
/// its sealing for as long as the minimum may keep a short call.
struct ShortCallFilter {
  private let minimumTicks: UInt64
  /// What is decided, in order.
  private var decided: [UInt64] = []
  /// The newest words: entries and tail calls, each behind the words of its register file. They may yet turn out to be too short.
  private var held: [UInt64] = []

  /// - Parameter minimumTicks: far less than what a word's time holds.
  init(minimumTicks: UInt64) { self.minimumTicks = minimumTicks }

  private static let timeMask: UInt64 = (1 << EventWord.timeBits) - 1
  /// How far processors' counters may be apart, and more, in ticks.
  private static let skew: UInt64 = 1 << 16

  private func ticks(from start: UInt64, to end: UInt64) -> UInt64 { (end &- start) & Self.timeMask }

  private func isShort(from start: EventWord, to end: EventWord) -> Bool {
    ticks(from: start.time, to: end.time) < minimumTicks
  }

  /// Whether a word is half a register's, whose call comes later.
  private static func isRegister(_ event: EventWord) -> Bool {
    event.kind == .extended && event.subkind == .registers
  }

  /// Takes the next events.
  mutating func add(_ words: UnsafeBufferPointer<UInt64>) {
    var index = 0
    while index < words.count {
      let event = unsafe EventWord(rawValue: words[index])
      index += 1
      // Most calls are leaves, and most leaves are short.
      if event.kind == .entry, index < words.count {
        let next = unsafe EventWord(rawValue: words[index])
        if next.kind == .return, next.function == event.function, isShort(from: event, to: next) {
          index += 1
          dropRegisters()
          continue
        }
      }
      add(event)
    }
  }

  private mutating func add(_ event: EventWord) {
    switch event.kind {
    case .entry, .tail:
      held.append(event.rawValue)
    case .extended:
      if event.subkind == .registers { return held.append(event.rawValue) }
      // What fills the ring up to its end has no time.
      if event.subkind == .padding { return }
      pass(event)
    case .return:
      guard let last = held.last, close(EventWord(rawValue: last), event) else { return pass(event) }
    }
  }

  /// Lets all go on that is held, and then this.
  private mutating func pass(_ event: EventWord) {
    decided += held
    held.removeAll(keepingCapacity: true)
    decided.append(event.rawValue)
  }

  /// The register file that stands last goes, with the call that it was of.
  private mutating func dropRegisters() {
    while let word = held.last, Self.isRegister(EventWord(rawValue: word)) { held.removeLast() }
  }

  /// Leaves out the newest frame that is held, if this is its return and came too soon. False if nothing was changed.
  private mutating func close(_ last: EventWord, _ end: EventWord) -> Bool {
    guard last.function == end.function else { return false }
    var first = held.count - 1
    while EventWord(rawValue: held[first]).kind != .entry {
      first -= 1
      // The frame's entry has gone on.
      guard first >= 0 else { return false }
    }
    guard isShort(from: EventWord(rawValue: held[first]), to: end) else { return false }
    held.removeLast(held.count - first)
    dropRegisters()
    return true
  }

  /// What is decided.
  ///
  /// - Parameter now: the counter before the position was read up to which all events have been added: what is open since
  ///   the minimum then is no short call. Nil if there are more.
  mutating func take(now: UInt64?) -> [UInt64] {
    if let now {
      var count = 0
      for (index, word) in held.enumerated() {
        let event = EventWord(rawValue: word)
        if Self.isRegister(event) { continue }
        guard isLong(since: event, now) else { break }
        count = index + 1
      }
      decided += held[..<count]
      held.removeFirst(count)
    }
    defer { decided = [] }
    return decided
  }

  /// An event may be newer than `now`.
  private func isLong(since event: EventWord, _ now: UInt64) -> Bool {
    let age = ticks(from: event.time, to: now & Self.timeMask)
    return age >= minimumTicks + Self.skew && age <= Self.timeMask / 2
  }

  /// All that is decided or held: what comes next is not short.
  mutating func release() -> [UInt64] {
    defer { (decided, held) = ([], []) }
    return decided + held
  }

  /// The rest, when no more comes.
  mutating func finish() -> [UInt64] {
    dropRegisters()
    return release()
  }
}
