import ApusCore
import ApusProbe
import Testing

@testable import ApusTrampoline

@Suite("templates of stubs")
struct StubTemplateTests {
  struct Setup: Sendable, CustomStringConvertible {
    var architecture: Architecture
    var isTimed: Bool
    var depthLimit: Int32?
    var minimumTicks: Int32
    var root: StubOptions.Root
    var description: String {
      "\(architecture) timed \(isTimed) depth \(depthLimit ?? 0) ticks \(minimumTicks) \(root)"
    }

    var environment: ProbeEnvironment {
      ProbeEnvironment(
        contexts: 0x2000_0020_0000, chunkTable: 0x2000_1000_0000, chunkBits: 15, mirror: 0x2000_2000_0000,
        control: 0x2000_00a1_0000, lostCalls: 0x2000_00f0_0000, sharedCounts: 0x2000_00f8_0000,
        slowReturn: 0x5555_5000_0040, arena: AddressRange(0x5555_5000_0000, 0x5555_5020_0000),
        isTimed: isTimed, waitsForRoom: true, depthLimit: depthLimit, minimumTicks: minimumTicks,
        putsBack: architecture == .x86_64)
    }

    func program(_ function: UInt32) -> ProbeProgram {
      var options = StubOptions()
      options.root = root
      return .graphStub(function: .one(function), options: options, environment: environment)
    }
  }

  static let setups: [Setup] = Architecture.allCases.flatMap { architecture in
    [(true, nil, 0), (false, nil, 0), (true, 7, 0), (true, nil, 90_000), (false, 3, 0)].flatMap {
      (timed: Bool, depth: Int32?, ticks: Int32) in
      [StubOptions.Root.everywhere, .root, .inside].map {
        Setup(
          architecture: architecture, isTimed: timed, depthLimit: depth, minimumTicks: ticks, root: $0)
      }
    }
  }

  @Test("are the lowered code but for constants' shortest forms", arguments: setups)
  func graph(_ setup: Setup) throws {
    let lowering = Lowering(setup.architecture)
    let template = try #require(try StubTemplate(lowering, setup.program))
    // As large as the samples: the very same.
    for function: UInt32 in [0x7b_1c0d, 0xf1_2d3b, 0x40_1235] {
      #expect(try template.blob(function: function) == lowering.lower(setup.program(function)))
    }
    // Small ones: the same constants in the same order, as far as lowering notes them.
    for function: UInt32 in [1, 2, 31, 127, 40_000] {
      let blob = try #require(try template.blob(function: function))
      let words = Set(CallSiteOps.words(function: function))
      let plain = try lowering.lower(setup.program(function))
      let others = Set(plain.constantSites.map(\.value)).subtracting(words)
      #expect(Set(blob.constantSites.map(\.value)).subtracting(words) == others)
      let noted = blob.constantSites.count { words.contains($0.value) }
      let sampled = template.blob.constantSites.count { !others.contains($0.value) }
      #expect(noted == sampled && noted >= 3)
      #expect(blob.relocations == template.blob.relocations && blob.committed == template.blob.committed)
      #expect(blob.bytes != template.blob.bytes && blob.bytes.count == template.blob.bytes.count)
    }
  }

  @Test("are given up where a number is a displacement", arguments: Architecture.allCases)
  func count(_ architecture: Architecture) throws {
    let setup = Setup(
      architecture: architecture, isTimed: true, depthLimit: nil, minimumTicks: 0, root: .everywhere)
    let template = try StubTemplate(Lowering(architecture)) {
      .countStub(function: .one($0), environment: setup.environment)
    }
    #expect(template == nil)
  }
}
