import ApusCore
import ApusLiveText
import ApusSystem
import Testing

@Suite struct AddressSpaceGapTests {
  private static let reach = X86_64SiteStates.reach
  private static let mebi: UInt64 = 1 << 20

  private func gap(_ lines: [(UInt64, UInt64, String)], stackRoom: UInt64 = 64 << 20) -> AddressSpaceGap {
    let text = lines.map {
      "\(String($0.0, radix: 16))-\(String($0.1, radix: 16)) r-xp 00000000 fe:01 7 \($0.2)\n"
    }.joined()
    return AddressSpaceGap(ProcessMaps.parse(text), stackRoom: stackRoom)
  }

  /// Whether every byte of `range` and every byte of `module` are less than `reach` apart.
  private func isInReach(_ range: AddressRange, _ module: AddressRange, _ reach: UInt64) -> Bool {
    max(range.end, module.end) - min(range.start, module.start) <= reach
  }

  @Test func belowTheModuleIsPreferred() throws {
    let module = AddressRange(0x5555_5555_4000, 0x5555_5560_0000)
    let gap = gap([(module.start, module.end, "/a"), (0x5555_5570_0000, 0x5555_5580_0000, "[heap]")])
    let found = try #require(gap.find(near: module, bytes: Self.mebi, reach: Self.reach))
    #expect(found.end < module.start && found.count == Self.mebi && found.start & 0xfff == 0)
    #expect(isInReach(found, module, Self.reach))
  }

  @Test func aboveIfThereIsNoRoomBelowAndAsFarAsPossible() throws {
    // A program at fixed addresses, low in memory, with its heap behind it.
    let module = AddressRange(0x40_0000, 0x50_0000)
    let gap = gap([
      (0x1_0000, 0x3f_0000, "/low"), (module.start, module.end, "/a"), (0x50_0000, 0x60_0000, "[heap]"),
    ])
    let found = try #require(gap.find(near: module, bytes: 4 * Self.mebi, reach: Self.reach))
    #expect(isInReach(found, module, Self.reach))
    #expect(found.start > 0x60_0000 + 0x7000_0000, "the heap has room to grow")
  }

  @Test func reachIsMeasuredFromTheFarEnd() {
    // A module that nearly fills the reach: what is left is not enough, or just enough.
    let module = AddressRange(0x7f00_0000_0000, 0x7f00_7000_0000)
    let gap = gap([(module.start, module.end, "/huge")])
    let rest = Self.reach - module.count
    #expect(gap.find(near: module, bytes: rest, reach: Self.reach) == nil)
    #expect(
      gap.find(
        near: AddressRange(0x7f00_0000_0000, 0x7f00_0000_0000 + Self.reach), bytes: 4096, reach: Self.reach)
        == nil)
    let found = gap.find(near: module, bytes: rest - (1 << 20), reach: Self.reach)
    #expect(found.map { isInReach($0, module, Self.reach) } == true)
  }

  @Test func nothingIsTakenBelowTheStack() throws {
    let stack: UInt64 = 0x7ffd_0000_0000
    let module = AddressRange(stack - 0x1000_0000, stack - 0x0fff_0000)
    let lines: [(UInt64, UInt64, String)] = [
      (0x1_0000, module.start, "/everything below"), (module.start, module.end, "/a"),
      (stack, stack + 0x2_1000, "[stack]"), (stack + 0x2_1000, 0x7fff_0000_0000, "/everything above"),
    ]
    let room: UInt64 = 64 << 20
    let found = try #require(gap(lines).find(near: module, bytes: Self.mebi, reach: Self.reach))
    #expect(found.start >= module.end && found.end <= stack - room)
    #expect(gap(lines, stackRoom: 0x0fff_0000).find(near: module, bytes: Self.mebi, reach: Self.reach) == nil)
  }

  @Test func thereMayBeNoGap() {
    let module = AddressRange(0x7f00_0000_0000, 0x7f00_0010_0000)
    let full = gap([
      (0x7e00_0000_0000, module.start, "/below"), (module.start, module.end, "/a"),
      (module.end, 0x7f80_0000_0000, "/above"),
    ])
    #expect(full.find(near: module, bytes: 4096, reach: Self.reach) == nil)
    #expect(full.findRemote(bytes: 1 << 40) != nil)
    let nothing = gap([(0x1_0000, 0x7fff_0000_0000, "/all")])
    #expect(nothing.find(near: module, bytes: 4096, reach: Self.reach) == nil)
    #expect(nothing.findRemote(bytes: 4096) == nil)
  }

  /// Random address spaces: what is found is free, in reach, whole pages, and away from the stack.
  @Test func whatIsFoundIsFree() {
    var generator = SystemRandomNumberGenerator()
    var hits = 0
    for _ in 0..<500 {
      var lines: [(UInt64, UInt64, String)] = []
      var at: UInt64 = 0x5500_0000_0000
      for index in 0..<Int.random(in: 2..<40, using: &generator) {
        at += UInt64.random(in: 0...1 << UInt64.random(in: 0...20), using: &generator) << 12
        let end = at + UInt64.random(in: 1...1 << UInt64.random(in: 0...16), using: &generator) << 12
        lines.append((at, end, "/\(index)"))
        at = end
      }
      lines.append((at + (1 << 30), at + (1 << 30) + 0x21000, "[stack]"))
      let chosen = lines[Int.random(in: 0..<lines.count - 1, using: &generator)]
      let module = AddressRange(chosen.0, chosen.1)
      let bytes = UInt64.random(in: 1...4096, using: &generator) << 12
      let gap = gap(lines)
      for found in [gap.find(near: module, bytes: bytes, reach: Self.reach), gap.findRemote(bytes: bytes)] {
        guard let found else { continue }
        hits += 1
        #expect(found.count == bytes && found.start & 0xfff == 0)
        for line in lines {
          let low = line.2 == "[stack]" ? line.0 - (64 << 20) : line.0
          #expect(found.end <= low || found.start >= line.1, "\(found) is in \(line)")
        }
      }
      if let near = gap.find(near: module, bytes: bytes, reach: Self.reach) {
        #expect(isInReach(near, module, Self.reach))
      }
    }
    #expect(hits > 500)
  }
}
