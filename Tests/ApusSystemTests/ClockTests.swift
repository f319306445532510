import ApusSystem
import Testing

@Suite struct ClockTests {
  @Test func clocksDoNotRunBackwards() {
    for clock in Clock.allCases where clock != .realtime {
      let first = clock.now()
      #expect(clock.now() >= first && first > 0)
    }
    let first = ProcessorCounter.read()
    #expect(ProcessorCounter.read() > first)
  }

  @Test func theLineGoesThroughBothAnchors() throws {
    let first = ClockAnchor(counter: 1_000_000, nanoseconds: 5_000)
    let last = ClockAnchor(counter: 4_000_000, nanoseconds: 1_005_000)
    let clock = try #require(CounterClock(first: first, last: last))
    #expect(clock.nanoseconds(atCounter: first.counter) == first.nanoseconds)
    #expect(clock.nanoseconds(atCounter: last.counter) == last.nanoseconds)
    #expect(clock.nanoseconds(atCounter: 2_500_000) == 505_000)
    #expect(clock.nanoseconds(atCounter: 997_000) == 4_000)
    #expect(clock.nanoseconds(atCounter: 0) == 0)
    #expect(clock.duration(ofTicks: 3000) == 1000)
    #expect(clock.ticks(inNanoseconds: 1000) == 3000)
    #expect(clock.duration(ofTicks: .max) > 0)
  }

  @Test func noLineWithoutTwoMoments() {
    let anchor = ClockAnchor(counter: 10, nanoseconds: 10)
    #expect(CounterClock(first: anchor, last: anchor) == nil)
    #expect(CounterClock(first: anchor, last: ClockAnchor(counter: 5, nanoseconds: 20)) == nil)
    let now = ClockAnchor.now()
    #expect(now.counter > 0 && now.nanoseconds > 0)
  }
}
