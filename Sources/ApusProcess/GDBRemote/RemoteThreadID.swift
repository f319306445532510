/// A thread as GDB's remote protocol writes it (GDB's manual, E.1, "thread-id syntax"): `TID`, `pPID`, or `pPID.TID`,
/// numbers in hexadecimal, 0 for any and -1 for all.
package struct RemoteThreadID: Sendable, Hashable {
  /// The process; nil where the server does not tell.
  package var process: ProcessID?
  /// The thread; -1 for all threads of the process.
  package var thread: ThreadID

  /// From its parts.
  package init(process: ProcessID?, thread: ThreadID) {
    self.process = process
    self.thread = thread
  }

  /// From its text; nil when it is none.
  package init?(_ text: some Collection<UInt8>) {
    guard text.first == UInt8(ascii: "p") else {
      guard let thread = Self.number(text) else { return nil }
      self.init(process: nil, thread: thread)
      return
    }
    let parts = text.dropFirst().split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count <= 2, let process = Self.number(parts[0]) else { return nil }
    if parts.count == 1 {
      self.init(process: process, thread: -1)
      return
    }
    guard let thread = Self.number(parts[1]) else { return nil }
    self.init(process: process, thread: thread)
  }

  private static func number(_ text: some Collection<UInt8>) -> Int32? {
    if text.elementsEqual("-1".utf8) { return -1 }
    return HexText.number(text).flatMap { Int32(exactly: $0) }
  }

  /// As the server wants it.
  package var text: String {
    let number = thread < 0 ? "-1" : String(thread, radix: 16)
    guard let process else { return number }
    return "p" + (process < 0 ? "-1" : String(process, radix: 16)) + "." + number
  }
}
