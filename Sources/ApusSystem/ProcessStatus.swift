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

  /// Reads the file's text.
  package static func parse(_ text: String) -> ProcessStatus {
    var lines: [Substring: [Substring]] = [:]
    for line in text.split(separator: "\n") {
      guard let colon = line.firstIndex(of: ":") else { continue }
      lines[line[..<colon]] = line[line.index(after: colon)...].split { $0 == "\t" || $0 == " " }
    }
    func number(_ key: Substring) -> Int32? { lines[key]?.first.flatMap { Int32($0) } }
    return ProcessStatus(
      process: number("Tgid"), parent: number("PPid"), tracer: number("TracerPid"),
      namespaceThreads: (lines["NSpid"] ?? []).compactMap { Int32($0) },
      users: (lines["Uid"] ?? []).compactMap { UInt32($0) },
      effectiveCapabilities: lines["CapEff"]?.first.flatMap { UInt64($0, radix: 16) },
      seccomp: number("Seccomp"), state: lines["State"]?.first?.first)
  }

  /// Whether it has the capability of that number (CAP_SYS_PTRACE is 19, CAP_SYS_ADMIN 21).
  package func hasCapability(_ number: Int) -> Bool {
    (0..<64).contains(number) && (effectiveCapabilities ?? 0) >> UInt64(number) & 1 != 0
  }
}
