import ApusSystem
import Glibc
import Testing

@Suite struct FileDescriptorTests {
  @Test func aMissingFileIsATypedErrorWithItsPath() {
    #expect(throws: SystemError(call: "open", errno: .noSuchFile, context: "/no/such/file")) {
      _ = try WholeFile.bytes("/no/such/file")
    }
    #expect(
      SystemError(call: "open", errno: .noSuchFile, context: "/x").description
        == "open /x: No such file or directory")
  }

  @Test func aFullDiskIsSurfaced() throws {
    let full = try FileDescriptor.open("/dev/full", flags: O_WRONLY)
    var reason: Errno?
    do throws(SystemError) { try full.writeFully([1, 2, 3]) } catch { reason = error.errno }
    #expect(reason == .noSpace)
  }

  @Test func partialWritesAreContinued() throws {
    // A pipe takes 64 KiB at a time; the reader takes everything in its own pace.
    let pipe = try FileDescriptor.pipe()
    let bytes = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
    let reader = try pipe.reading.duplicate().release()
    let result = Box<[UInt8]>([])
    let thread = try SystemThread {
      let file = FileDescriptor(owning: reader)
      do throws(SystemError) { result.value = try file.read(count: 2_000_000) } catch { result.value = [] }
    }
    var pieces: [[UInt8]] = []
    var start = 0
    for length in [1, 0, 4095, 500_000, bytes.count - 504_096] {
      pieces.append(Array(bytes[start..<start + length]))
      start += length
    }
    try writeAll(pieces, to: pipe.writing)
    try closeWriting(pipe)
    try thread.join()
    #expect(result.value == bytes)
  }

  private func writeAll(_ pieces: [[UInt8]], to file: borrowing FileDescriptor) throws(SystemError) {
    let joined = pieces.flatMap { $0 }
    var failure: SystemError?
    unsafe joined.withUnsafeBytes { all in
      var vectors: [UnsafeRawBufferPointer] = unsafe []
      var start = 0
      for piece in pieces {
        unsafe vectors.append(UnsafeRawBufferPointer(rebasing: all[start..<start + piece.count]))
        start += piece.count
      }
      do throws(SystemError) { try unsafe file.writeFully(vectors: vectors) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  private func closeWriting(_ pipe: consuming FileDescriptor.Pipe) throws(SystemError) {
    _ = try pipe.closeWriting()
  }

  @Test func readsAndWritesAtOffsets() throws {
    let file = try FileDescriptor.memory(named: "test", bytes: 16)
    try file.writeFully([9, 8, 7], at: 13)
    #expect(try file.read(count: 10, at: 12) == [0, 9, 8, 7])
    #expect(try file.size() == 16)
    try file.truncate(to: 14)
    #expect(try file.read(count: 10, at: 12) == [0, 9])
  }

  @Test func descriptorsOfOtherProcessesCanBeTaken() throws {
    let file = try FileDescriptor.memory(named: "test", bytes: 4)
    try file.writeFully([1, 2, 3, 4], at: 0)
    let own = try FileDescriptor.process(getpid())
    let copy = try own.descriptor(file.rawValue)
    #expect(try copy.read(count: 4, at: 0) == [1, 2, 3, 4])
  }

  @Test func closingTwiceCannotHappenAndClosingReports() throws {
    let file = FileDescriptor(owning: 1_000_000)
    var reason: Errno?
    do throws(SystemError) { try file.close() } catch { reason = error.errno }
    #expect(reason == Errno(rawValue: EBADF))
  }
}

/// What one thread leaves for another that joins it.
final class Box<Value>: @unchecked Sendable {
  var value: Value
  init(_ value: Value) { self.value = value }
}
