import ApusSystem
import Glibc
import Testing

@testable import ApusTraceFile

/// Two want the same name: every order of their steps.
@Suite struct FileClaimTests {
  /// What somebody does with the file that he has got.
  private enum End: CaseIterable { case finishes, discards }

  /// One writer: the steps to the file, then one of writing or removing, then one of letting it go.
  private struct Party: ~Copyable {
    var claim: FileClaim?
    var file: FileDescriptor?
    let end: End
    let path: String
    var steps = 0
    var hasWritten = false
    var isDone = false
    /// What a finished file has.
    let bytes: Int
    var hasIt: Bool { file != nil }
    /// Whether it has the file that has the name, as far as it knows.
    var hasName: Bool { hasIt && !(hasWritten && end == .discards) }

    init(_ path: String, _ end: End, bytes: Int) {
      self.path = path
      self.end = end
      self.bytes = bytes
      claim = FileClaim(path)
    }

    mutating func step() throws {
      steps += 1
      if hasWritten {
        file = nil
        isDone = true
      } else if file != nil {
        // Under the lock, as OutputFile does.
        switch end {
        case .finishes: try file?.truncate(to: bytes)
        case .discards: if try file?.size() == 0 { try FileDescriptor.unlink(path) }
        }
        hasWritten = true
      } else {
        try claim?.advance()
        switch claim?.state {
        case .held:
          file = claim.take()?.take()
          let isThere = file != nil
          #expect(isThere)
        case .inUse, nil:
          claim = nil
          isDone = true
        default: break
        }
      }
    }
  }

  @Test func whoeverFinishesHasTheName() throws {
    let path = TemporaryFile()
    var (orders, bothHadIt, oneHadIt) = (0, 0, 0)
    let both = [
      (End.finishes, End.finishes), (.finishes, .discards), (.discards, .finishes), (.discards, .discards),
    ]
    for ends in both {
      // Bit n: whose turn is the nth.
      for order in 0..<1 << 12 {
        _ = unsafe unlink(path.path)
        var first = Party(path.path, ends.0, bytes: 96)
        var second = Party(path.path, ends.1, bytes: 200)
        // The bytes of whoever has finished last.
        var bytes: Int?
        var turn = 0
        while !first.isDone || !second.isDone {
          let isFirst = turn < 12 && order >> turn & 1 == 0 ? !first.isDone : second.isDone
          if isFirst { try first.step() } else { try second.step() }
          turn += 1
          let haveIt = first.hasName && second.hasName
          #expect(!haveIt, "order \(order): both have the file")
          if first.hasIt, first.hasWritten, ends.0 == .finishes { bytes = first.bytes }
          if second.hasIt, second.hasWritten, ends.1 == .finishes { bytes = second.bytes }
        }
        orders += 1
        bothHadIt += first.hasWritten && second.hasWritten ? 1 : 0
        oneHadIt += first.hasWritten != second.hasWritten ? 1 : 0
        #expect(first.hasWritten || second.hasWritten, "order \(order): nobody got it")
        guard let bytes else {
          #expect(unsafe access(path.path, F_OK) != 0, "order \(order): a file is left")
          continue
        }
        let there = try FileDescriptor.open(path.path)
        #expect(try there.size() == bytes, "order \(order): what was written is not found")
      }
    }
    #expect(bothHadIt > 0 && oneHadIt > 0, "\(orders) orders")
  }
}
