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
    for word in words { filter.add(EventWord(rawValue: word)) }
    return filter.take() + filter.finish()
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
    let tail =
      registers + [event(.entry, 2, 101)] + registers + [event(.tail, 3, 130), event(.return, 3, 131)]
    // The tail-called function was short, the one before it was not, and gets its return where that one came.
    let expected = registers + [event(.entry, 2, 101), event(.return, 2, 130)]
    #expect(filter(outer + tail + [event(.return, 1, 200)]) == outer + expected + [event(.return, 1, 200)])
  }

  @Test func paddingsHaveNoTime() {
    let padding = EventWord(.padding, payload: 0, time: 0).rawValue
    let outer = [event(.entry, 1, 100)]
    let short = [padding, event(.entry, 2, 150), padding, event(.return, 2, 152)]
    #expect(filter(outer + short + [event(.return, 1, 200)]) == outer + [event(.return, 1, 200)])
  }
}
