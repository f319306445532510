import ApusCore
import ApusELF
import ApusISA
import ApusLiveText
import Testing

/// arm64 and ppc64le: a slot is one instruction, a no-operation or a branch.
@Suite struct FixedWidthSiteStatesTests {
  static let architectures: [(Architecture, Int64)] = [(.arm64, 128 << 20), (.ppc64le, 32 << 20)]

  private func target(_ bytes: [UInt8], at place: Address, _ architecture: Architecture) -> Address? {
    if architecture == .arm64 {
      guard case .jump(let target) = ARM64.Decoder().decode(bytes, at: place)?.kind else { return nil }
      return target
    }
    guard case .jump(let target) = try? PPC64LE.Decoder().decode(bytes, at: place).flow else { return nil }
    return target
  }

  @Test(arguments: architectures) func oneAlignedInstruction(architecture: Architecture, limit: Int64) throws
  {
    let states = SiteStates(architecture)
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<10_000 {
      let slot = UInt64.random(in: 0x4000_0000...0x3fff_c000_0000, using: &generator) << 2
      let stub = slot &+ UInt64(bitPattern: Int64.random(in: -limit / 4..<limit / 4, using: &generator) << 2)
      let enabling = try #require(states.enabling(slot: slot, stub: stub))
      #expect(enabling.count == 4 && states.slotBytes == 4 && states.disabling.count == 4)
      #expect(target(enabling, at: slot, architecture) == stub)
      #expect(states.prepared(slot: slot, stub: stub) == states.disabling)
      #expect(states.jump(from: slot, to: stub) == enabling)
    }
  }

  @Test func disabledIsTheCompilersNop() {
    #expect(SiteStates(.arm64).disabling == [0x1f, 0x20, 0x03, 0xd5])
    #expect(SiteStates(.ppc64le).disabling == [0x00, 0x00, 0x00, 0x60])
  }

  @Test(arguments: architectures)
  func branchesReachAsFarAsTheirField(architecture: Architecture, limit: Int64) {
    let states = SiteStates(architecture)
    let slot: Address = 0x5555_0000_1234
    for (distance, isReached) in [
      (limit - 4, true), (limit, false), (-limit, true), (-limit - 4, false), (2, false), (1, false),
    ] {
      let stub = slot &+ UInt64(bitPattern: distance)
      #expect((states.jump(from: slot, to: stub) != nil) == isReached, "\(distance)")
      #expect((states.enabling(slot: slot, stub: stub) != nil) == isReached, "\(distance)")
      #expect((states.prepared(slot: slot, stub: stub) != nil) == isReached, "\(distance)")
    }
    #expect(states.jump(from: slot + 2, to: slot + 6) == nil, "no slot stands there")
    #expect(Int64(states.reach) < limit && states.reach > UInt64(limit) - (1 << 20))
    #expect(!states.hasCoherentFetches && SiteStates(.x86_64).hasCoherentFetches)
  }
}

@Suite struct FixedWidthReturnSitesTests {
  private func bytes(_ words: [UInt32]) -> [UInt8] {
    words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(8 * $0)) } }
  }

  @Test func everyReturnIsASlot() throws {
    // mov w0, #1; ret; nop; retaa
    let arm = bytes([0x5280_0020, 0xd65f_03c0, 0xd503_201f, 0xd65f_0bff])
    let found = try #require(ARM64ReturnSites.find(arm, at: 0x1000))
    #expect(found.map(\.address) == [0x1004, 0x100c])
    #expect(found.map(\.code) == [Array(arm[4..<8]), Array(arm[12..<16])])
    // li r3, 1; blr
    let power = bytes([0x3860_0001, 0x4e80_0020])
    #expect(try #require(PPC64LEReturnSites.find(power, at: 0x1000)).map(\.address) == [0x1004])
  }

  @Test func whereTheWayOutCannotBeSeen() {
    #expect(ARM64ReturnSites.find(bytes([0xd503_201f]), at: 0) == nil, "no return")
    #expect(ARM64ReturnSites.find(bytes([0xd61f_0220, 0xd65f_03c0]), at: 0) == nil, "br x17")
    #expect(PPC64LEReturnSites.find(bytes([0x6000_0000]), at: 0) == nil, "no return")
    #expect(PPC64LEReturnSites.find(bytes([0x4e80_0420, 0x4e80_0020]), at: 0) == nil, "bctr")
    #expect(PPC64LEReturnSites.find(bytes([0x4d82_0020, 0x4e80_0020]), at: 0) == nil, "beqlr")
  }

  @Test(arguments: [("/usr/aarch64-linux-gnu/lib/", 1), ("/usr/powerpc64le-linux-gnu/lib/", 1)])
  func theInstalledUnwindersWalker(folder: String, least: Int) throws {
    let image = try image(folder + "libgcc_s.so.1")
    let hook = try #require(
      try HookSite.find(in: image, purposes: [.disarm]).first { HookSite.walkers.contains($0.name) })
    let sites = try CodeDisplacer(SiteStates(image.architecture)).returnSites(hook.code, at: hook.address)
    #expect(try #require(sites).count >= least)
  }
}
