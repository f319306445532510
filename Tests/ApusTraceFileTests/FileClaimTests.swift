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

    init(_ path: String, _ end: End) {
      self.path = path
      self.end = end
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
        case .finishes: try file?.truncate(to: 96)
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
    for ends in [(End.finishes, End.finishes), (.finishes, .discards), (.discards, .finishes)] {
      // Bit n: whose turn is the nth.
      for order in 0..<1 << 12 {
        _ = unsafe unlink(path.path)
        var first = Party(path.path, ends.0)
        var second = Party(path.path, ends.1)
        for turn in 0..<12 {
          if order >> turn & 1 == 0 ? !first.isDone : second.isDone {
            try first.step()
          } else {
            try second.step()
          }
          if first.isDone, second.isDone { break }
        }
        while !first.isDone { try first.step() }
        while !second.isDone { try second.step() }
        orders += 1
        bothHadIt += first.hasWritten && second.hasWritten ? 1 : 0
        oneHadIt += first.hasWritten != second.hasWritten ? 1 : 0
        #expect(first.hasWritten || second.hasWritten, "order \(order): nobody got it")
        let finished = first.hasWritten && ends.0 == .finishes || second.hasWritten && ends.1 == .finishes
        guard finished else { continue }
        let there = try FileDescriptor.open(path.path)
        #expect(try there.size() == 96, "order \(order): what was written is not found")
      }
    }
    #expect(bothHadIt > 0 && oneHadIt > 0, "\(orders) orders")
  }
}
