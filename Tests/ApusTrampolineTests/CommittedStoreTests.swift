import ApusCore
import ApusISA
import ApusProbe
import ApusTrampoline
import Testing

/// What a blob says of its committed stores is what the machine code does, by the decoder or the manual.
@Suite("committed stores") struct CommittedStoreTests {
  private static let environment = ProbeEnvironment(
    contexts: 0x7f00_0010_0000, chunkTable: 0x7e00_0000_0000, chunkBits: 15, mirror: 0x7e10_0000_0000,
    control: 0x7f00_0090_0000, lostCalls: 0x7f00_00a0_0000, sharedCounts: 0x7f00_00b0_0000,
    slowReturn: 0x5555_0000_1000, arena: AddressRange(0x5555_0000_0000, 0x5555_0100_0000), isTimed: true,
    waitsForRoom: true)

  private static func blob(_ architecture: Architecture) throws -> CodeBlob {
    let program = ProbeProgram.graphStub(function: .one(77), options: StubOptions(), environment: environment)
    try program.check()
    let blob = try Lowering(architecture).lower(program)
    // At the entry `current`; at the return `current`, then the mirror entry's return address.
    try #require(blob.committed.map(\.displacement) == [ThreadContext.current, ThreadContext.current, 0])
    #expect(blob.committed[1].end == blob.committed[2].start)
    #expect(blob.committed[2].value == .constant(0))
    return blob
  }

  @Test func x86_64() throws {
    let blob = try Self.blob(.x86_64)
    let names = X86_64.registerFile.names
    for store in blob.committed {
      let code = try X86_64.Decoder().decodeAll(Array(blob.bytes[store.start..<store.end]), at: 0)
      let place = store.displacement == 0 ? "" : " + 0x\(String(store.displacement, radix: 16))"
      let value =
        switch store.value {
        case .register(let word): names[word]
        case .constant(let constant): "\(constant)"
        }
      #expect(code.map(\.text) == ["mov qword ptr [\(names[store.base])\(place)], \(value)"])
    }
  }

  /// STR (immediate, unsigned offset), 64-bit: Arm ARM, C6.2.365.
  @Test func arm64() throws {
    let blob = try Self.blob(.arm64)
    for store in blob.committed {
      var word: UInt32 = 0xf900_0000 | UInt32(store.displacement / 8) << 10 | UInt32(store.base) << 5
      switch store.value {
      case .register(let register): word |= UInt32(register)
      case .constant: word |= 31
      }
      #expect(Self.words(blob, store) == [word])
    }
  }

  /// std: Power ISA, book I, 3.3.3; the constant is put into a register before.
  @Test func ppc64le() throws {
    let blob = try Self.blob(.ppc64le)
    for store in blob.committed {
      let words = Self.words(blob, store)
      let last = try #require(words.last)
      #expect(last & ~0x03e0_0000 == 0xf800_0000 | UInt32(store.base) << 16 | UInt32(store.displacement))
      switch store.value {
      case .register(let register):
        #expect(last >> 21 & 31 == UInt32(register) && words.count == 1)
      case .constant:
        // li
        #expect(words.count == 2 && words[0] == 0x3800_0000 | last & 0x03e0_0000)
      }
    }
  }

  private static func words(_ blob: CodeBlob, _ store: CodeBlob.CommittedStore) -> [UInt32] {
    stride(from: store.start, to: store.end, by: 4).map { start in
      (0..<4).reduce(0) { $0 | UInt32(blob.bytes[start + $1]) << UInt32(8 * $1) }
    }
  }
}
