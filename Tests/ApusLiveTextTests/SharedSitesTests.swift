import ApusCore
import ApusISA
import ApusLiveText
import Testing

/// Call sites of stubs that functions share (arm64).
@Suite struct SharedSitesTests {
  private static let nop: UInt32 = 0xd503_201f

  private func bytes(_ words: [UInt32]) -> [UInt8] {
    words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(8 * $0)) } }
  }

  private func made(
    _ body: [UInt32], architecture: Architecture = .arm64, function: Address = 0x40_1010, nops: Int = 8,
    before: Int = 8, pad: Bool = false
  ) -> SharedSite? {
    let head: [UInt32] = (pad ? [0xd503_245f] : []) + [Self.nop, Self.nop]
    return SharedSite(
      architecture, slot: function + (pad ? 4 : 0), nops: nops, entry: function - UInt64(before),
      bytesBefore: before, code: bytes(head + body), function: function)
  }

  static let free: [UInt32] = [0xd280_00a9, 0xd65f_03c0]  // mov x9, #5; ret

  @Test func theBranchIsTheOnlyWordThatChanges() throws {
    for pad in [false, true] {
      let site = try #require(made(Self.free, pad: pad))
      #expect(site.pointer == 0x40_1008 && site.opsDistance == (pad ? 20 : 16))
      #expect(site.branch == site.slot + 4 && site.slotBytes == 8)
      let stub: Address = 0x30_0000
      let (prepared, enabling) = try #require(site.writes(stub: stub))
      #expect(prepared == bytes([0xaa1e_03e9, Self.nop]), "mov x9, x30; nop")
      guard case .call(stub)? = ARM64.Decoder().decode(enabling, at: site.branch)?.kind else {
        Issue.record("\(enabling) is no call of the stub")
        continue
      }
      #expect(enabling.count == 4 && site.branch & 3 == 0)
      #expect(site.writes(stub: site.branch + (128 << 20)) == nil, "out of reach")
    }
  }

  @Test func whatLeavesNoRoomHasItsOwnStub() {
    #expect(made(Self.free, nops: 4) == nil, "one nop")
    #expect(made(Self.free, before: 0) == nil, "none before the function")
    #expect(made(Self.free, before: 4) == nil, "no room for a pointer")
    #expect(made(Self.free, function: 0x40_100c) == nil, "the pointer would not be aligned")
    #expect(made(Self.free, function: 0x40_100c, before: 12)?.pointer == 0x40_1000)
    #expect(made(Self.free, before: 272)?.pointer == 0x40_1008, "the nearest")
    #expect(made(Self.free, architecture: .x86_64) == nil && made(Self.free, architecture: .ppc64le) == nil)
  }

  /// (what, code, whether x9 is free)
  static let functions: [(String, [UInt32], Bool)] = [
    ("mov x9, #5; ret", free, true),
    ("ret", [0xd65f_03c0], false),
    ("saves x9, as preserve_most does", [0xf81f_0fe9, 0xd280_00a9, 0xf841_07e9, 0xd65f_03c0], false),
    ("add x9, x9, #1", [0x9100_0529, 0xd65f_03c0], false),
    ("add x9, x0, #1", [0x9100_0409, 0xd65f_03c0], true),
    ("movk x9, #1", [0xf280_0029, 0xd65f_03c0], false),
    ("ldr x9, [x0]", [0xf940_0009, 0xd65f_03c0], true),
    ("ldr x9, [x9]", [0xf940_0129, 0xd65f_03c0], false),
    ("ldp x9, x10, [x0]", [0xa940_2809, 0xd65f_03c0], true),
    ("str x9, [x0]", [0xf900_0009, 0xd280_00a9, 0xd65f_03c0], false),
    (
      "a call, which may have an argument there, then mov x9, #5", [0x9400_0100, 0xd280_00a9, 0xd65f_03c0],
      false
    ),
    ("mov x9, #5, then a call", [0xd280_00a9, 0x9400_0100, 0xd65f_03c0], true),
    ("blr x1; mov x9, #5", [0xd63f_0020, 0xd280_00a9, 0xd65f_03c0], false),
    (
      "cbz x0, +12; mov x9, #5; ret; b elsewhere", [0xb400_0060, 0xd280_00a9, 0xd65f_03c0, 0x1400_0100], false
    ),
    ("cbz x0, +12; mov x9, #5; ret; br x8", [0xb400_0060, 0xd280_00a9, 0xd65f_03c0, 0xd61f_0100], false),
    ("cbz x0, back to the slot; mov x9, #5; ret", [0xb4ff_ffc0, 0xd280_00a9, 0xd65f_03c0], false),
    ("runs off its end", [0xb400_0040, 0xd280_00a9], false),
    ("st64b x8, [x0]; mov x9, #5; ret", [0xf83f_9008, 0xd280_00a9, 0xd65f_03c0], false),
    ("a call only", [0x9400_0100, 0xd65f_03c0], false),
    ("cbz x0, +12; mov x9, #5; ret; ret", [0xb400_0060, 0xd280_00a9, 0xd65f_03c0, 0xd65f_03c0], true),
    (
      "cbz x0, +12; mov x9, #5; ret; mov x0, x9; ret",
      [0xb400_0060, 0xd280_00a9, 0xd65f_03c0, 0xaa09_03e0, 0xd65f_03c0], false
    ),
    ("cbz x9, +8; mov x9, #5; ret", [0xb400_0049, 0xd280_00a9, 0xd65f_03c0], false),
    ("a system call before", [0xd400_0001, 0xd280_00a9, 0xd65f_03c0], false),
    ("an instruction that is not known", [0x0000_0000 | 0x6000_0000, 0xd280_00a9, 0xd65f_03c0], false),
    ("b +8; str x9, [x0]; mov x9, #5; ret", [0x1400_0002, 0xf900_0009, 0xd280_00a9, 0xd65f_03c0], true),
    ("a loop", [0xd100_0400, 0xb5ff_ffe0, 0xd280_00a9, 0xd65f_03c0], true),
  ]

  @Test(arguments: functions.indices) func onlyWhereX9IsProvenFree(_ index: Int) {
    let (what, body, isFree) = Self.functions[index]
    #expect((made(body) != nil) == isFree, "\(what)")
    #expect((made(body, pad: true) != nil) == isFree, "\(what)")
  }
}
