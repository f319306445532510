import ApusProbe
import Testing

/// C libraries space thread pointers by the stacks' size: such series must find places near their homes.
@Suite struct HomePlaceTests {
  @Test(arguments: [
    0x1000, 0x4000, 0x5000, 0x8000, 0x10000, 0x11000, 0x21000, 0x41000, 0x10_0000, 0x10_1000, 0x30_0000,
    0x80_0000,
    0x80_1000, 0x80_3000, 0xC0_1000, 0x400_0000, 0x4000_0000,
  ])
  func tenThousandThreadsInASeries(step: UInt64) {
    var used: Set<Int> = []
    var farthest = 0
    for index in 0..<10_000 {
      let home = ThreadContext.home(of: 0x7F12_3456_76C0 - UInt64(index) * step)
      #expect((0..<1 << Int(ThreadContext.tableBits)).contains(home))
      var place = home
      while used.contains(place) { place += 1 }
      used.insert(place)
      farthest = max(farthest, place - home)
    }
    #expect(farthest < ThreadContext.probeLimit / 4)
  }
}
