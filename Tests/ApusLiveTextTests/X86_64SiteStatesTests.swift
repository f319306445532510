import ApusCore
import ApusLiveText
import Testing

@Suite struct X86_64SiteStatesTests {
  /// The target of the jump that these bytes are at `place`.
  private func target(_ bytes: [UInt8], at place: Address) -> Address? {
    switch (bytes.first, bytes.count) {
    case (0xeb, 2...): return place &+ 2 &+ UInt64(bitPattern: Int64(Int8(bitPattern: bytes[1])))
    case (0xe9, 5):
      let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[$1 + 1]) << UInt32(8 * $1) }
      return place &+ 5 &+ UInt64(bitPattern: Int64(Int32(bitPattern: bits)))
    default: return nil
    }
  }

  @Test func preparedAndEnabledDifferInOneByte() throws {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<20_000 {
      let slot = UInt64.random(in: 0x1_0000_0000...0x7ff0_0000_0000, using: &generator)
      let far = slot &+ UInt64(bitPattern: Int64.random(in: -0x7fff_0000...0x7fff_0000, using: &generator))
      let wanted = slot &+ X86_64SiteStates.stubResidue
      let modulus = X86_64SiteStates.stubModulus
      let stub = far &+ ((wanted &- far) & (modulus - 1))
      let enabled = try #require(X86_64SiteStates.jump(from: slot, to: stub))
      let prepared = try #require(X86_64SiteStates.prepared(slot: slot, stub: stub))
      #expect(enabled.count == X86_64SiteStates.slotBytes && prepared.count == X86_64SiteStates.slotBytes)
      #expect(enabled.dropFirst() == prepared.dropFirst())
      #expect(
        enabled.first == X86_64SiteStates.enabledByte && prepared.first == X86_64SiteStates.preparedByte)
      #expect(target(enabled, at: slot) == stub)
      #expect(target(prepared, at: slot) == slot + UInt64(X86_64SiteStates.slotBytes), "over the slot")
    }
  }

  @Test func aStubAtAnotherResidueIsRefused() {
    let slot: Address = 0x5555_0000_1235
    let right = slot + X86_64SiteStates.stubResidue + 0x10000
    for residue in UInt64(0)..<256 {
      let prepared = X86_64SiteStates.prepared(slot: slot, stub: right + residue)
      #expect((prepared != nil) == (residue == 0), "residue \(residue)")
    }
  }

  @Test(arguments: [
    (Int64(Int32.max), true), (Int64(Int32.max) + 1, false), (Int64(Int32.min), true),
    (Int64(Int32.min) - 1, false),
    (1 << 40, false), (-(1 << 40), false),
  ])
  func jumpsReachAsFarAsTheirDisplacement(distance: Int64, isReached: Bool) {
    let place: Address = 0x7f00_0000_0000
    let jump = X86_64SiteStates.jump(from: place, to: place &+ 5 &+ UInt64(bitPattern: distance))
    #expect((jump != nil) == isReached)
    let stub = (place &+ 5 &+ UInt64(bitPattern: distance)) & ~0xff | (place + 8) & 0xff
    if abs(distance) > 1 << 35 { #expect(X86_64SiteStates.prepared(slot: place, stub: stub) == nil) }
  }

  @Test func theStatesOfAnArchitecture() throws {
    let states = SiteStates(.x86_64)
    let slot: Address = 0x5555_0000_1235
    let place = states.stubPlacement(slot: slot)
    let stub = 0x5555_0100_0000 + (place.residue & (place.modulus - 1))
    let prepared = try #require(states.prepared(slot: slot, stub: stub))
    let enabled = try #require(states.jump(from: slot, to: stub))
    let enabling = try #require(states.enabling(slot: slot, stub: stub))
    #expect(enabling + prepared.dropFirst() == enabled)
    #expect(states.disabling + enabled.dropFirst() == prepared)
    #expect(enabling.count == 1, "one store, never torn")
    #expect(states.enabling(slot: slot, stub: stub + 1) == nil)
  }

  @Test func theReachOfArenasIsWithinAJumps() {
    #expect(X86_64SiteStates.reach + X86_64SiteStates.stubModulus < UInt64(Int32.max))
  }
}
