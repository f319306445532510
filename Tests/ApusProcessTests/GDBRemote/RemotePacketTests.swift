import ApusProcess
import Testing

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

@Suite struct RemotePacketTests {
  @Test func aPacketHasItsChecksum() {
    // The example of GDB's manual, E.1: an empty packet's sum is 0; "OK" is 0x4f + 0x4b = 0x9a.
    #expect(RemotePacket.framed([]) == bytes("$#00"))
    #expect(RemotePacket.framed(bytes("OK")) == bytes("$OK#9a"))
  }

  @Test func everyByteSurvivesEscapesAndFrame() throws {
    let all = (0...255).map { UInt8($0) }
    let escaped = RemotePacket.escaped(all)
    #expect(escaped.count == 256 + 4)
    #expect(try RemotePacket.unescaped(escaped) == all)
    var decoder = PacketDecoder()
    decoder.feed(RemotePacket.framed(escaped))
    let element = try #require(try decoder.next())
    guard case .packet(let data) = element else {
      Issue.record("no packet: \(element)")
      return
    }
    #expect(try RemotePacket.unescaped(data) == all)
  }

  // "0* " is "0000" in GDB's manual: the count of further ones is the character's code less 29.
  @Test(arguments: [
    ("0* ", "0000"), ("ab*!c", "abbbbbc"), ("x*~", String(repeating: "x", count: 98)), ("", ""),
  ])
  func runLengthsAreExpanded(encoded: String, expected: String) throws {
    #expect(try RemotePacket.expanded(bytes(encoded), limit: 1000) == bytes(expected))
  }

  @Test(arguments: ["*", "* ", "0*", "0*\u{1f}", "0*\u{7f}"])
  func wrongRunLengthsAreErrors(encoded: String) {
    #expect(throws: RemoteError.self) { try RemotePacket.expanded(bytes(encoded), limit: 1000) }
  }

  @Test func whatExpandsBeyondTheLimitIsAnError() {
    #expect(throws: RemoteError.self) { try RemotePacket.expanded(bytes("0*~*~"), limit: 100) }
    #expect(throws: RemoteError.self) { try RemotePacket.unescaped(bytes("ab}")) }
  }

  /// However the stream is cut, the same pieces come of it.
  @Test func piecesOfAStreamAreTheSameHoweverItIsCut() throws {
    let stream = bytes("+$OK#9a-%Stop:T00#94noise\u{3}$0* #7a$bad#00$#00")
    let expected: [PacketDecoder.Element] = [
      .acknowledged, .packet(bytes("OK")), .rejected, .notification(bytes("Stop:T00")),
      .packet(bytes("0000")),
      .damaged, .packet([]),
    ]
    for cut in 1...stream.count {
      var decoder = PacketDecoder()
      var seen: [PacketDecoder.Element] = []
      var start = 0
      while start < stream.count {
        let end = min(start + cut, stream.count)
        decoder.feed(Array(stream[start..<end]))
        start = end
        while let element = try decoder.next() { seen.append(element) }
      }
      #expect(seen == expected, "cut into pieces of \(cut)")
    }
  }

  @Test func anEndlessPacketIsAnErrorNotMemory() {
    var decoder = PacketDecoder(limit: 1000)
    #expect(throws: RemoteError.self) {
      decoder.feed(bytes("$"))
      for _ in 0..<100 {
        decoder.feed([UInt8](repeating: 0x30, count: 100))
        _ = try decoder.next()
      }
    }
  }

  @Test func hexadecimalTexts() {
    #expect(HexText.encode([0, 0x7f, 0xff]) == bytes("007fff"))
    #expect(HexText.decode(bytes("007FfF")) == [0, 0x7f, 0xff])
    #expect(HexText.decode(bytes("0")) == nil)
    #expect(HexText.decode(bytes("0x")) == nil)
    #expect(HexText.decodeRegisters(bytes("12xxxx34")) == [0x12, 0, 0, 0x34])
    #expect(HexText.decodeRegisters(bytes("1xx2")) == nil)
    #expect(HexText.number(bytes("ffffffffffffffff")) == .max)
    #expect(HexText.number(bytes("10000000000000000")) == nil)
    #expect(HexText.number([]) == nil)
  }

  @Test func featuresOfAServer() {
    // qemu-user 7.2's answer, and what a hostile server might say.
    let qemu = ServerFeatures(
      bytes("PacketSize=1000;qXfer:features:read+;vContSupported+;multiprocess+;x-;y?"))
    #expect(qemu.packetSize == 4096)
    #expect(qemu.has("qXfer:features:read") && qemu.has("multiprocess"))
    #expect(!qemu.has("QNonStop") && !qemu.has("x") && !qemu.has("y"))
    #expect(ServerFeatures(bytes("PacketSize=ffffffffffff")).packetSize == 1 << 17)
    #expect(ServerFeatures(bytes("PacketSize=0")).packetSize == 64)
    #expect(ServerFeatures(bytes("PacketSize=-1;;=;+")).packetSize == 400)
  }

  @Test func signalsGoThereAndBack() {
    // GDB's numbers that differ from Linux's: SIGBUS 10, SIGUSR1 30, SIGCHLD 20; and 45 is SIG33.
    for (gdb, linux) in [
      (5, 5), (10, 7), (30, 10), (20, 17), (31, 12), (45, 33), (75, 63), (77, 32), (78, 64),
    ] {
      #expect(RemoteSignal.toLinux(UInt8(gdb)) == Int32(linux))
      #expect(RemoteSignal.fromLinux(Int32(linux)) == UInt8(gdb))
    }
    // All but SIGSTKFLT, which GDB has no number for.
    for signal in Int32(0)...64 where signal != 16 {
      #expect(RemoteSignal.fromLinux(signal).flatMap { RemoteSignal.toLinux($0) } == signal)
    }
    #expect(RemoteSignal.toLinux(255) == nil)
    #expect(RemoteSignal.fromLinux(65) == nil)
  }
}
