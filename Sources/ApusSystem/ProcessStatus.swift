/// What Apus wants of /proc/PID/status. Absent lines (old kernels) are nil.
package struct ProcessStatus: Sendable, Hashable {
  /// Tgid: the process that the thread belongs to.
  package var process: Int32?
  /// PPid: the parent process.
  package var parent: Int32?
  /// TracerPid: 0 when not traced.
  package var tracer: Int32?
  /// NSpid: the thread's number in each pid namespace, the outermost first.
  package var namespaceThreads: [Int32]
  /// Uid: real, effective, saved, file system.
  package var users: [UInt32]
  /// CapEff: the effective capabilities.
  package var effectiveCapabilities: UInt64?
  /// Seccomp: 0 none, 1 strict, 2 filter.
  package var seccomp: Int32?
  /// State: R, S, D, T, t, Z, X.
  package var state: Character?

  /// The status of a process, or of one of its threads.
  package static func read(process: Int32, thread: Int32? = nil) throws(SystemError) -> ProcessStatus {
    parse(try WholeFile.text("/proc/\(process)/" + (thread.map { "task/\($0)/" } ?? "") + "status"))
  }

  /// Reads the file's text. It is read at every other stop of a thread, so only what is wanted is made strings of.
  package static func parse(_ text: String) -> ProcessStatus {
    var status = ProcessStatus(namespaceThreads: [], users: [])
    for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
      let rest = line[line.index(after: colon)...]
      var words: [Substring] {
        rest.split { $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: " ") }.map { Substring($0) }
      }
      var number: Int32? { words.first.flatMap { Int32($0) } }
      switch Substring(line[..<colon]) {
      case "State": status.state = words.first?.first
      case "Tgid": status.process = number
      case "PPid": status.parent = number
      case "TracerPid": status.tracer = number
      case "Uid": status.users = words.compactMap { UInt32($0) }
      case "NSpid": status.namespaceThreads = words.compactMap { Int32($0) }
      case "CapEff": status.effectiveCapabilities = words.first.flatMap { UInt64($0, radix: 16) }
      case "Seccomp": status.seccomp = number
      default: break
      }
    }
    return status
  }

  /// Whether it has the capability of that number (CAP_SYS_PTRACE is 19, CAP_SYS_ADMIN 21).
  package func hasCapability(_ number: Int) -> Bool {
    (0..<64).contains(number) && (effectiveCapabilities ?? 0) >> UInt64(number) & 1 != 0
  }
}
