import ApusSystem
import CApusLinux
import Glibc
import Testing

@Suite struct TerminalTests {
  @Test func aPipeIsNoTerminal() throws {
    let pipe = try FileDescriptor.pipe()
    let terminal = Terminal(descriptor: pipe.writing.rawValue)
    #expect(!terminal.isTerminal && terminal.width == nil)
    #expect(terminal.usesColor(.always) { _ in "1" } && !terminal.usesColor(.auto) { _ in nil })
    terminal.write("text")
    var line = ProgressLine(on: terminal)
    line.update("unseen")
    line.finish()
    try closeWriting(pipe)
  }

  private func closeWriting(_ pipe: consuming FileDescriptor.Pipe) throws {
    let reading = try pipe.closeWriting()
    #expect(try reading.readToEnd() == Array("text".utf8))
  }

  @Test func progressIsShownAfterASecondAndTakenAway() throws {
    let pair = try PseudoTerminal.open()
    do {
      var line = ProgressLine(on: Terminal(descriptor: pair.side.rawValue))
      line.update("too early")
      usleep(1_100_000)
      line.update("half done")
      line.finish()
      line.finish()
    }
    let shown = try pair.read()
    #expect(shown == "\r\u{1b}[Khalf done\r\u{1b}[K")
  }

  @Test(
    arguments: [
      (nil, "xterm", true), ("", "xterm", true), ("1", "xterm", false), (nil, "dumb", false),
    ] as [(String?, String, Bool)])
  func colorsOnATerminal(noColor: String?, term: String, expected: Bool) throws {
    let pair = try PseudoTerminal.open()
    let terminal = Terminal(descriptor: pair.side.rawValue)
    #expect(terminal.isTerminal)
    #expect(terminal.usesColor(.auto) { ["NO_COLOR": noColor, "TERM": term][$0] ?? nil } == expected)
    #expect(!terminal.usesColor(.never) { _ in nil })
  }
}

private struct PseudoTerminal: ~Copyable {
  let master: FileDescriptor
  let side: FileDescriptor

  static func open() throws -> PseudoTerminal {
    let master = try FileDescriptor.open("/dev/ptmx", flags: O_RDWR | O_NOCTTY)
    var unlocked: Int32 = 0
    let number = master.rawValue
    let result = unsafe withUnsafeMutableBytes(of: &unlocked) {
      Kernel.raw(APUS_SYS_ioctl, Int(number), 0x4004_5431, Int(bitPattern: $0.baseAddress))
    }  // TIOCSPTLCK
    // TIOCGPTPEER
    let peer = Kernel.raw(APUS_SYS_ioctl, Int(number), 0x5441, Int(O_RDWR | O_NOCTTY))
    try #require(result == 0 && peer >= 0)
    return PseudoTerminal(master: master, side: FileDescriptor(owning: Int32(peer)))
  }

  /// What was written to the side.
  func read() throws -> String {
    var bytes = [UInt8](repeating: 0, count: 256)
    let number = master.rawValue
    let count = unsafe bytes.withUnsafeMutableBytes {
      Kernel.raw(APUS_SYS_read, Int(number), Int(bitPattern: $0.baseAddress), $0.count)
    }
    try #require(count >= 0)
    return String(decoding: bytes.prefix(count), as: UTF8.self)
  }
}
