import ApusProbe
import Testing

@testable import ApusRecord

/// Calls that are too short, with their registers.
@Suite struct ShortCallFilterTests {
  private let registers = [
    EventWord.registers(7, remaining: 1).rawValue, EventWord.registers(8, remaining: 0).rawValue,
  ]

  private func filter(_ words: [UInt64], minimum: UInt64 = 10) -> [UInt64] {
    var filter = ShortCallFilter(minimumTicks: minimum)
    unsafe words.withUnsafeBufferPointer { unsafe filter.add($0) }
    return filter.take(now: nil) + filter.finish()
  }

  private func event(_ kind: EventWord.Kind, _ function: UInt32, _ time: UInt64) -> UInt64 {
    EventWord(kind, function: function, time: time).rawValue
  }

  @Test func registersGoWithAShortCall() {
    let long = [event(.entry, 1, 100)]
    let short = registers + [event(.entry, 2, 101), event(.return, 2, 105)]
    let end = [event(.return, 1, 200)]
    #expect(filter(long + short + end) == long + end)
    #expect(filter(registers + long + short + end) == registers + long + end)
  }

  @Test func registersStayWithALongCall() {
    let words =
      registers + [event(.entry, 1, 100)] + registers + [event(.entry, 2, 101), event(.return, 2, 150)]
      + [event(.return, 1, 151)]
    #expect(filter(words) == words)
  }

  @Test func registersOfATailCallGoWithIt() {
    let outer = [event(.entry, 1, 100)]
    let end = [event(.return, 1, 200)]
    let short =
      registers + [event(.entry, 2, 101)] + registers + [event(.tail, 3, 103), event(.return, 3, 105)]
    #expect(filter(outer + short + end) == outer + end)
    // Of a long frame everything stays.
    let long =
      registers + [event(.entry, 2, 101)] + registers + [event(.tail, 3, 130), event(.return, 3, 131)]
    #expect(filter(outer + long + end) == outer + long + end)
  }

  /// Word by word or all at once, looked at in between or not: the same.
  @Test func whatIsLeftOutDoesNotDependOnWhenItIsLookedAt() {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<500 {
      var words: [UInt64] = []
      var times: [UInt64] = []
      var open: [UInt32] = []
      var time: UInt64 = EventWord(rawValue: .max).time - 1000
      for _ in 0..<60 {
        time &+= [1, 2, 100_000].randomElement(using: &generator) ?? 1
        let function = UInt32.random(in: 1...3, using: &generator)
        switch Int.random(in: 0..<5, using: &generator) {
        case 0, 1:
          open.append(function)
          words.append(event(.entry, function, time))
        case 2 where !open.isEmpty:
          open[open.count - 1] = function
          words.append(event(.tail, function, time))
        default:
          guard let last = open.popLast() else { continue }
          words.append(event(.return, last, time))
        }
        times.append(time)
      }
      var filter = ShortCallFilter(minimumTicks: 10)
      var pieces: [UInt64] = []
      for (word, time) in zip(words, times) {
        unsafe withUnsafePointer(to: word) { unsafe filter.add(UnsafeBufferPointer(start: $0, count: 1)) }
        pieces += filter.take(now: Bool.random(using: &generator) ? time : nil)
      }
      pieces += filter.finish()
      #expect(pieces == self.filter(words))
    }
  }

  @Test func paddingsHaveNoTime() {
    let padding = EventWord(.padding, payload: 0, time: 0).rawValue
    let outer = [event(.entry, 1, 100)]
    let short = [padding, event(.entry, 2, 150), padding, event(.return, 2, 152)]
    #expect(filter(outer + short + [event(.return, 1, 200)]) == outer + [event(.return, 1, 200)])
  }
}
