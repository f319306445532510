internal import ApusProbe

/// Leaves calls out of a thread's events that were shorter than a minimum and have nothing recorded inside.
///
/// The stubs take back what they can; here is done what they cannot: calls whose inner calls were left out, and calls that
/// ended in a tail call.
struct ShortCallFilter {
  private let minimumTicks: UInt64
  /// What is decided.
  private var decided: [UInt64] = []
  /// An entry or a tail call.
  private struct Call {
    var event: EventWord
    /// The words of its register file, which stand before it.
    var registers: [UInt64]
    var time: UInt64 { event.time }
    var function: UInt32 { event.function }
    var kind: EventWord.Kind { event.kind }
  }
  /// The newest events, entries and tail calls only: they may yet turn out to be too short.
  private var open: [Call] = []
  /// The register file of the call that comes next.
  private var registers: [UInt64] = []
  /// The newest event's time.
  private var latest: UInt64 = 0

  init(minimumTicks: UInt64) { self.minimumTicks = minimumTicks }

  private static let timeMask: UInt64 = (1 << EventWord.timeBits) - 1

  private func isShort(from start: UInt64, to end: UInt64) -> Bool {
    (end &- start) & Self.timeMask < minimumTicks
  }

  private mutating func decide() {
    decide(open.count)
  }

  /// Decides the first so many of the newest events.
  private mutating func decide(_ count: Int) {
    for call in open[..<count] {
      decided += call.registers
      decided.append(call.event.rawValue)
    }
    open.removeFirst(count)
  }

  /// Takes the next event.
  mutating func add(_ event: EventWord) {
    if event.kind == .extended, event.subkind == .registers { return registers.append(event.rawValue) }
    // What fills the ring up to its end has no time.
    if event.kind == .extended, event.subkind == .padding { return }
    defer { registers = [] }
    latest = event.time
    switch event.kind {
    case .entry, .tail: open.append(Call(event: event, registers: registers))
    case .extended:
      decide()
      decided.append(event.rawValue)
    case .return:
      guard let last = open.last, last.function == event.function, isShort(from: last.time, to: event.time),
        close(last)
      else {
        decide()
        decided.append(event.rawValue)
        return
      }
    }
  }

  /// Leaves out the newest call, which returned too soon. After a tail call the frame's earlier function ended when that
  /// one came: it is left out too, or gets its return. False if that function is decided already.
  private mutating func close(_ last: Call) -> Bool {
    var end = last
    var count = open.count - 1
    while end.kind == .tail {
      guard count > 0 else { return false }
      let before = open[count - 1]
      if !isShort(from: before.time, to: end.time) {
        open.removeLast(open.count - count)
        decide()
        decided.append(EventWord(.return, function: before.function, time: end.time).rawValue)
        return true
      }
      count -= 1
      end = before
    }
    open.removeLast(open.count - count)
    return true
  }

  /// What is decided by the newest event: calls that have lasted long enough are.
  mutating func take() -> [UInt64] {
    let now = latest
    if let first = open.firstIndex(where: { isShort(from: $0.time, to: now) }) {
      decide(first)
    } else {
      decide()
    }
    defer { decided = [] }
    return decided
  }

  /// The rest, when no more comes.
  mutating func finish() -> [UInt64] {
    decide()
    defer { decided = [] }
    return decided
  }
}
