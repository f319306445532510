import ApusCore
import ApusProcess
import Glibc
import Testing

@Suite struct PagedMemoryTests {
  /// Two pages of this process, with nothing behind them.
  private static func pages(_ body: (Address) throws -> Void) throws {
    let place = unsafe mmap(nil, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    let start = try unsafe #require(place)
    defer { _ = unsafe munmap(start, 2 * 4096) }
    for index in 0..<2 * 4096 {
      unsafe start.storeBytes(of: Self.byte(index), toByteOffset: index, as: UInt8.self)
    }
    try #require(unsafe munmap(start + 2 * 4096, 4096) == 0)
    try body(UInt64(unsafe UInt(bitPattern: start)))
  }
  private static func byte(_ index: Int) -> UInt8 { UInt8(truncatingIfNeeded: index &* 37 &+ index >> 8) }

  @Test func whatItReadsIsThere() throws {
    try Self.pages { start in
      var reader = PagedMemory(try ProcessMemory(of: getpid()))
      // In order, across the border, back again, and up to the last byte that may be read.
      for (offset, count) in [
        (0, 5), (3, 5), (5, 0), (4000, 96), (4000, 97), (4090, 20), (4110, 5), (8187, 5), (17, 3),
        (4096, 4096),
        (0, 8192),
      ] {
        let expected = (offset..<offset + count).map(Self.byte)
        #expect(try reader.read(start + UInt64(offset), count: count) == expected)
      }
    }
  }

  @Test func whatCannotBeReadIsAnErrorEachTime() throws {
    try Self.pages { start in
      var reader = PagedMemory(try ProcessMemory(of: getpid()))
      for offset: UInt64 in [8188, 8192, 9000] {
        #expect(throws: ApusProcess.MemoryError.self) { try reader.read(start + offset, count: 5) }
      }
      #expect(try reader.read(start + 8187, count: 5) == (8187..<8192).map(Self.byte))
    }
  }

  /// A page is read once.
  @Test func onePageIsReadOnce() throws {
    try Self.pages { start in
      let memory = try ProcessMemory(of: getpid())
      var reader = PagedMemory(memory)
      _ = try reader.read(start + 8, count: 5)
      try memory.write([1, 2, 3], at: start + 100)
      #expect(try reader.read(start + 100, count: 3) == (100..<103).map(Self.byte))
      _ = try reader.read(start + 4096, count: 1)
      #expect(try reader.read(start + 100, count: 3) == [1, 2, 3])
    }
  }

  @Test func whatItWritesItReads() throws {
    try Self.pages { start in
      let memory = try ProcessMemory(of: getpid())
      var reader = PagedMemory(memory)
      _ = try reader.read(start + 64, count: 5)
      // In what is kept, before its start, at both its ends.
      for (offset, count) in [(100, 5), (62, 4), (4094, 4), (10, 3)] {
        let bytes = (0..<count).map { UInt8(200 + $0) }
        try reader.write(bytes, at: start + UInt64(offset))
        #expect(try memory.read(start + UInt64(offset), count: count) == bytes)
      }
      #expect(try reader.read(start + 64, count: 4032) == memory.read(start + 64, count: 4032))
      #expect(throws: ApusProcess.MemoryError.self) { try reader.write([1, 2], at: start + 8192) }
      #expect(try reader.read(start + 64, count: 5) == memory.read(start + 64, count: 5))
    }
  }

  @Test(arguments: [(0, 5, true), (4091, 5, true), (4092, 5, false), (4095, 1, true), (4095, 2, false)])
  func piecesThatCrossABorder(offset: UInt64, count: Int, isInOne: Bool) {
    #expect(PagedMemory.isInOnePage(0x7000_0000 + offset, count: count) == isInOne)
  }
}
