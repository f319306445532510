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

  @Test(
    arguments: [
      (nil, "xterm", true), ("", "xterm", true), ("1", "xterm", false), (nil, "dumb", false),
    ] as [(String?, String, Bool)])
  func colorsOnATerminal(noColor: String?, term: String, expected: Bool) throws {
    let master = try FileDescriptor.open("/dev/ptmx", flags: O_RDWR | O_NOCTTY)
    var unlocked: Int32 = 0
    let result = unsafe withUnsafeMutableBytes(of: &unlocked) {
      Kernel.raw(APUS_SYS_ioctl, Int(master.rawValue), 0x4004_5431, Int(bitPattern: $0.baseAddress))
    }  // TIOCSPTLCK
    try #require(result == 0)
    // TIOCGPTPEER
    let peer = Kernel.raw(APUS_SYS_ioctl, Int(master.rawValue), 0x5441, Int(O_RDWR | O_NOCTTY))
    try #require(peer >= 0)
    let side = FileDescriptor(owning: Int32(peer))
    let terminal = Terminal(descriptor: side.rawValue)
    #expect(terminal.isTerminal)
    #expect(terminal.usesColor(.auto) { ["NO_COLOR": noColor, "TERM": term][$0] ?? nil } == expected)
    #expect(!terminal.usesColor(.never) { _ in nil })
  }
}
