import ApusProcess
import Testing

@Suite struct StopReplyTests {
  private static let thread = RemoteThreadID(process: 0x5b5b, thread: 0x5b5c)

  static let replies: [(String, StopReply)] = [
    (
      "T0506:0000000000000000;07:00e6ffffff7f0000;thread:p5b5b.5b5c;core:0;",
      .stopped(
        .init(
          signal: 5, thread: thread,
          registers: [6: [0, 0, 0, 0, 0, 0, 0, 0], 7: [0, 0xe6, 0xff, 0xff, 0xff, 0x7f, 0, 0]]
        ))
    ),
    ("T05thread:p01.5b86;", .stopped(.init(signal: 5, thread: RemoteThreadID(process: 1, thread: 0x5b86)))),
    (
      "T05swbreak:;thread:7;",
      .stopped(.init(signal: 5, thread: .init(process: nil, thread: 7), reason: .softwareBreakpoint))
    ),
    ("T05hwbreak:;", .stopped(.init(signal: 5, reason: .hardwareBreakpoint))),
    ("T05watch:7ffe10;", .stopped(.init(signal: 5, reason: .watchpoint(address: 0x7ffe10)))),
    ("T05fork:p5b5b.5b5c;", .stopped(.init(signal: 5, reason: .forked(child: thread)))),
    ("T05vfork:p5b5b.5b5c;", .stopped(.init(signal: 5, reason: .vforked(child: thread)))),
    ("T05vforkdone:;", .stopped(.init(signal: 5, reason: .vforkDone))),
    ("T05exec:2f62696e2f6c73;", .stopped(.init(signal: 5, reason: .executed(path: "/bin/ls")))),
    ("T05create:;", .stopped(.init(signal: 5, reason: .created))),
    ("T05library:;", .stopped(.init(signal: 5, reason: .librariesChanged))),
    ("T05syscall_entry:3f;", .stopped(.init(signal: 5, reason: .systemCallEntry(number: 63)))),
    ("T05syscall_return:3f;", .stopped(.init(signal: 5, reason: .systemCallReturn(number: 63)))),
    ("T0040:xxxxxxxx;future:things;", .stopped(.init(signal: 0, registers: [0x40: [0, 0, 0, 0]]))),
    ("S02", .stopped(.init(signal: 2))),
    ("W03", .exited(process: nil, code: 3)),
    ("W2a;process:5b5b", .exited(process: 0x5b5b, code: 42)),
    ("X0b;process:5b5b", .killed(process: 0x5b5b, signal: 11)),
    ("w0;p5b5b.5b5c", .threadExited(thread, code: 0)),
    ("N", .nothingRuns),
    ("O6869", .output([0x68, 0x69])),
  ]

  @Test(arguments: replies) func repliesAreRead(text: String, expected: StopReply) throws {
    #expect(try StopReply(Array(text.utf8)) == expected)
  }

  @Test(arguments: [
    "", "T", "T0", "Tzz", "T05thread:;", "T05thread:p;", "T05thread:p1.2.3;", "T05thread:80000000;",
    "T05nocolon;",
    "T05fork:x;", "T05exec:2;", "T0506:0;", "T05syscall_entry:;", "S", "S123", "W", "W;process:1",
    "W00;process:",
    "X100", "w0", "w;1", "w0;", "O1", "Q", "E01", "OK",
  ])
  func otherTextsAreErrors(text: String) {
    #expect(throws: RemoteError.self) { try StopReply(Array(text.utf8)) }
  }

  /// Every prefix, and every single byte changed: a reply or an error, never a trap.
  @Test func damagedRepliesDoNotTrap() {
    for (text, _) in Self.replies {
      let whole = Array(text.utf8)
      for count in whole.indices { _ = try? StopReply(Array(whole.prefix(count))) }
      for index in whole.indices {
        for byte in stride(from: UInt8(0), to: 255, by: 7) {
          var changed = whole
          changed[index] = byte
          _ = try? StopReply(changed)
        }
      }
    }
  }

  @Test(arguments: ["p5b5b.5b5c", "7", "p1.-1", "-1", "p-1.-1", "0"])
  func threadIDsGoThereAndBack(text: String) throws {
    #expect(try #require(RemoteThreadID(Array(text.utf8))).text == text)
  }

  @Test func aProcessAloneMeansAllItsThreads() throws {
    let all = try #require(RemoteThreadID(Array("p1f".utf8)))
    #expect(all.process == 31 && all.thread == -1 && all.text == "p1f.-1")
  }
}
