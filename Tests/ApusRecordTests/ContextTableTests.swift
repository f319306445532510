import ApusCore
import ApusLiveText
import ApusProbe
import ApusProcess
import ApusSystem
import Glibc
import Testing

@testable import ApusRecord

extension LaunchingTests {
  @Suite struct ContextTableTests {
    /// Thread pointers with the same home place, aligned as C libraries do.
    private static func colliding(_ count: Int) -> [UInt64] {
      var found: [UInt64] = []
      var candidate: UInt64 = 0x7f00_0000_06c0
      let home = ThreadContext.home(of: candidate)
      while found.count < count {
        if ThreadContext.home(of: candidate) == home { found.append(candidate) }
        candidate += 0x1000
      }
      return found
    }

    private static let empty = ContextTable.Cursor(buffer: nil, stackTop: 0x7ffd_0000_0000, counters: 0)

    @Test func aContextStandsAtItsHomeWithItsCursor() throws {
      try Laboratory.run { laboratory in
        var table = ContextTable(laboratory.memory)
        let pointer: UInt64 = 0x7f12_3456_76c0
        let place = try #require(table.place(for: pointer))
        #expect(place == ThreadContext.home(of: pointer))
        #expect(table.index(of: pointer) == nil && !table.contains(pointer))
        let cursor = ContextTable.Cursor(
          buffer: (0x1000_0000, 8192), stackTop: 0x7ffd_0000_0000, counters: 0x77)
        try table.insert(pointer, at: place, cursor: cursor, in: laboratory.target)
        #expect(table.index(of: pointer) == place && table.contains(pointer))
        let base = laboratory.memory.contextRange.start + UInt64(place * ThreadContext.stride)
        func word(_ offset: Int32) throws -> UInt64 {
          try laboratory.target.readWord(base &+ UInt64(bitPattern: Int64(offset)))
        }
        #expect(try word(ThreadContext.threadPointer) == pointer)
        #expect(try word(ThreadContext.limit) == 0x1000_1ff8 && word(ThreadContext.capacity) == 8192)
        #expect(
          try word(ThreadContext.bufferBase) == 0x1000_0000 && word(ThreadContext.bufferEnd) == 0x1000_2000)
        #expect(try word(ThreadContext.counters) == 0x77)
        #expect(try word(ThreadContext.session) != 0)
        #expect(try word(ThreadContext.current) == 0 && word(ThreadContext.disarmed) == 0)
        #expect(
          try word(ThreadContext.threadPointer - Int32(ThreadContext.stride)) == 0, "the neighbour")
      }
    }

    @Test func collisionsProbeOnAndEndAtTheLimit() throws {
      try Laboratory.run { laboratory in
        var table = ContextTable(laboratory.memory)
        let pointers = Self.colliding(ThreadContext.probeLimit + 1)
        let home = ThreadContext.home(of: pointers[0])
        for (distance, pointer) in pointers.dropLast().enumerated() {
          let place = try #require(table.place(for: pointer))
          #expect(place == home + distance)
          try table.insert(pointer, at: place, cursor: Self.empty, in: laboratory.target)
        }
        let last = try #require(pointers.last)
        #expect(table.place(for: last) == nil && table.index(of: last) == nil)
        for (distance, pointer) in pointers.dropLast().enumerated() {
          #expect(table.index(of: pointer) == home + distance)
        }
      }
    }

    @Test func aPlaceIsUsedAgainOnlyAfterItsRingIsEmpty() throws {
      try Laboratory.run { laboratory in
        var table = ContextTable(laboratory.memory)
        let pointers = Self.colliding(4)
        for pointer in pointers.prefix(3) {
          let place = try #require(table.place(for: pointer))
          try table.insert(pointer, at: place, cursor: Self.empty, in: laboratory.target)
        }
        let home = ThreadContext.home(of: pointers[0])
        try table.retire(home, in: laboratory.target)
        #expect(table.index(of: pointers[0]) == nil)
        #expect(table.index(of: pointers[1]) == home + 1, "found behind a retired one")
        #expect(table.place(for: pointers[3]) == home + 3, "not yet")
        let base = laboratory.memory.contextRange.start + UInt64(home * ThreadContext.stride)
        let key = try laboratory.target.readWord(base + UInt64(ThreadContext.threadPointer))
        #expect(key == 1, "trampolines pass it by, and go on")
        table.release(home)
        #expect(table.place(for: pointers[3]) == home)
        try table.insert(pointers[3], at: home, cursor: Self.empty, in: laboratory.target)
        #expect(table.index(of: pointers[3]) == home && table.index(of: pointers[0]) == nil)
        table.release(home)
        #expect(table.index(of: pointers[3]) == home, "only a retired one can be released")
      }
    }

    @Test func theSessionsMark() throws {
      try Laboratory.run { laboratory in
        let table = ContextTable(laboratory.memory)
        #expect(try laboratory.target.readWord(table.sessionMark) == 0)
        try table.mark(in: laboratory.target)
        #expect(try laboratory.target.readWord(table.sessionMark) != 0)
        #expect(laboratory.memory.contextRange.contains(table.sessionMark))
      }
    }

    /// Records every value that a word ever has, while the word is being written: [0] where to look, [1] when to stop,
    /// [2] how many values, then the values.
    private static let watcher = """
      #define _GNU_SOURCE
      #include <sys/mman.h>
      #include <unistd.h>
      int main(void) {
        volatile unsigned long *page = mmap((void *)0x10000000, 1 << 20, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        unsigned long last = 0;
        while (!page[0]) usleep(100);
        volatile unsigned long *word = (volatile unsigned long *)page[0];
        page[2] = 1;
        while (!page[1]) {
          unsigned long now = *word;
          if (now != last && page[2] < 100000) { page[2 + page[2]] = now; page[2]++; last = now; }
        }
        page[1] = 2;
        for (;;) pause();
      }
      """

    /// A thread that looks for its context while another's key is written takes no half-written key for its own.
    @Test func halfWrittenKeysAreNobodysOwn() throws {
      try Laboratory.run(Self.watcher) { laboratory in
        var table = ContextTable(laboratory.memory)
        let page: Address = 0x1000_0000
        func bytes(_ word: UInt64) -> [UInt8] {
          (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
        }
        let base = laboratory.memory.contextRange.start + UInt64(ThreadContext.threadPointer)
        let pointers = (0..<500).map { UInt64(0x7f00_0123_46c0) + UInt64($0) * 0x1_2345_7040 }
        try laboratory.tracer.resume(laboratory.process, signal: 0)
        func word(_ index: UInt64) -> UInt64? { try? laboratory.target.readWord(page + 8 * index) }
        while word(0) == nil { usleep(1000) }
        try laboratory.target.write(bytes(base), at: page)
        while word(2) != 1 { usleep(1000) }
        // Until the program has seen enough, whenever it is given a processor.
        for _ in 0..<1000 where (word(2) ?? 0) < 1000 {
          for pointer in pointers {
            try table.insert(pointer, at: 0, cursor: Self.empty, in: laboratory.target)
            try table.retire(0, in: laboratory.target)
            table.release(0)
          }
        }
        try laboratory.target.write([1], at: page + 8)
        while word(1) != 2 { usleep(1000) }
        let count = try #require(word(2))
        #expect(count >= 1000, "the word was seen to change")
        let whole = Set(pointers)
        for index in 1..<count {
          let value = try #require(word(2 + index))
          // Whole, or with low bytes that no thread pointer has.
          #expect(whole.contains(value) || value & 0xffff <= 1, "\(String(value, radix: 16))")
        }
      }
    }
  }
}
