internal import ApusCore
internal import ApusProcess
internal import ApusRecord
internal import ApusReport
internal import ApusSystem
package import ArgumentParser
internal import Logging
internal import Synchronization

/// `apus record`
package struct RecordCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "record",
    abstract: "Run a program and log its calls.",
    discussion: """
      Exits as the program does (128 + n after signal n); 125 if apus itself fails, 126 if the program cannot be \
      executed, 127 if it is not found.
      """)

  enum Level: String, ExpressibleByArgument, CaseIterable {
    case count, entry, graph
  }
  enum Policy: String, ExpressibleByArgument, CaseIterable {
    case drop, wait
  }

  @Option(name: .shortAndLong, help: "The trace file to write.", completion: .file()) var output =
    "apus.trace"
  @Option(name: [.short, .customLong("function")], help: "Record the functions that match (repeatable).")
  var function: [String] = []
  @Option(
    name: [.customShort("x"), .customLong("exclude")],
    help: "Do not record the functions that match (repeatable).")
  var exclude: [String] = []
  @Option(help: "Record the functions that match and all that they call (repeatable).") var root: [String] =
    []
  @Option(
    help:
      "Record the calls of functions that match with all registers, as far as -f and the others choose them (repeatable)."
  )
  var regs: [String] = []
  @Option(help: "Only functions of the modules that match (repeatable).") var module: [String] = []
  @Option(help: "count (how often), entry (each call) or graph (calls and returns).") var level = Level.graph
  @Flag(name: .customLong("no-time"), help: "Log no times: faster.") var noTime = false
  @Option(help: "At most so many recorded frames deep.") var depth: Int32?
  @Option(help: "Leave out calls shorter than this, as 10us, 2ms, 500ns.") var minDuration: Duration?
  @Option(help: "A thread's buffer, as 64K or 4M.") var buffer = ByteCount(4 << 20)
  @Option(help: "When a buffer is full: drop calls (and count them), or let the program wait.")
  var onFull = Policy.wait
  @Flag(
    help:
      "On arm64, let functions whose call sites have room before them (-fpatchable-function-entry=4,2) and do not need x9 (nor does the whole program, as with -ffixed-x9) share a trampoline: less memory, a little slower."
  )
  var sharedStubs = false
  @Option(
    help: ArgumentHelp(
      "Record a program at a server of GDB's remote protocol (gdbserver, qemu): the one that it has, which must be at its start, or the named one, which it starts.",
      valueName: "host:port"))
  var remote: String?
  @Flag(help: "With --remote: stop all threads at once, where the server could also stop them one by one.")
  var allStop = false
  @Option(
    help: "Write names and unwind tables of the code that is put into the program, for gdb.",
    completion: .file())
  var symbols: String?
  @Flag(name: .shortAndLong, help: "Say what is being done.") var verbose = false
  @Argument(parsing: .captureForPassthrough, help: "The program and its arguments.") var command: [String] =
    []

  package init() {}

  package func validate() throws {
    if let depth, depth < 1 { throw ValidationError("--depth takes a number of 1 or more") }
    if !(4096...(1 << 30)).contains(buffer.bytes) {
      throw ValidationError("--buffer takes a size from 4K to 1G")
    }
    if level == .count, !regs.isEmpty { throw ValidationError("--regs needs --level entry or graph") }
    if level != .graph {
      if !root.isEmpty { throw ValidationError("--root needs --level graph") }
      if depth != nil { throw ValidationError("--depth needs --level graph") }
      if minDuration != nil { throw ValidationError("--min-duration needs --level graph") }
    }
    if let minDuration, minDuration.nanoseconds > 400_000_000 {
      throw ValidationError("--min-duration takes 400ms at most")
    }
    if minDuration != nil, sharedStubs {
      throw ValidationError(
        "--min-duration needs a trampoline for each function: leave out --shared-stubs")
    }
    if minDuration != nil, noTime { throw ValidationError("--min-duration needs times: leave out --no-time") }
    // The parser takes everything from the first word that is no option of ours: that may be a mistyped one.
    if let first = command.first, first.hasPrefix("-"), first != "--" {
      if ["-h", "--help", "-help"].contains(first) { throw CleanExit.helpRequest(self) }
      if first == "--version" { throw CleanExit.message(Apus.version) }
      throw ValidationError("Unknown option '\(first)'; a program of that name goes after --")
    }
    if let remote, SocketAddress(remote) == nil {
      throw ValidationError(
        "--remote takes HOST:PORT with a numeric address, or a socket's path: not '\(remote)'")
    }
    if remote == nil, allStop { throw ValidationError("--all-stop needs --remote") }
    if program.isEmpty, remote == nil { throw ValidationError("give the program to run") }
  }

  private var program: [String] { command.first == "--" ? Array(command.dropFirst()) : command }

  package func run() throws {
    var options = RecordOptions(command: program)
    options.output = output
    if let address = remote.flatMap({ SocketAddress($0) }) {
      var remote = RemoteOptions(address)
      remote.allStop = allStop
      options.remote = remote
    }
    options.symbolFile = symbols
    options.functions = function.map { Glob($0) }
    options.excluded = exclude.map { Glob($0) }
    options.roots = root.map { Glob($0) }
    options.registers = regs.map { Glob($0) }
    options.modules = module.map { Glob($0) }
    options.level = RecordLevel(rawValue: level.rawValue) ?? .graph
    options.sharesStubs = sharedStubs
    options.isTimed = !noTime && level != .count
    options.depth = depth
    options.minimumDuration = minDuration?.nanoseconds ?? 0
    options.bufferSize = buffer.powerOfTwo
    options.onFull = onFull == .drop ? .drop : .wait
    options.description = description(options)
    options.version = Apus.version
    let names = Mutex(Names())
    options.demangle = { name in names.withLock { $0.demangler.name(name) } }

    var logger = Logger(label: "apus", factory: { StreamLogHandler.standardError(label: $0) })
    logger.logLevel = verbose ? .debug : .critical
    let result: RecordResult
    do throws(RecordError) {
      result = try RecordSession(options, logger: logger).run()
    } catch {
      if case .notStarted(let why, let status) = error { throw CommandFailure(why, recordStatus: status) }
      throw CommandFailure("\(error)")
    }
    summarise(result)
    if let failure = result.failure { throw CommandFailure("\(failure)") }
    throw ProgramStatus(value: result.status.shellStatus)
  }

  private struct Names: @unchecked Sendable {
    // Sendable: used within the lock only.
    let demangler = Demangler()
  }

  private func description(_ options: RecordOptions) -> String {
    var words = ["--level", level.rawValue]
    if noTime { words.append("--no-time") }
    words += ["--on-full", onFull.rawValue, "--buffer", String(options.bufferSize)]
    for (name, values) in [
      ("-f", function), ("-x", exclude), ("--root", root), ("--regs", regs), ("--module", module),
    ] {
      for value in values { words += [name, value] }
    }
    if sharedStubs { words.append("--shared-stubs") }
    if let depth { words += ["--depth", String(depth)] }
    if let minDuration { words += ["--min-duration", "\(minDuration.nanoseconds)ns"] }
    return words.joined(separator: " ")
  }

  private func summarise(_ result: RecordResult) {
    let threads = result.threads == 1 ? "1 thread" : "\(result.threads) threads"
    var line = "\(result.calls) calls of \(result.functions) functions in \(threads)"
    if result.lost > 0 { line += ", \(result.lost) calls lost" }
    Diagnostics.note(line + "; \(output): \(result.traceBytes) bytes")
    for refusal in result.refused {
      Diagnostics.note(
        "\(refusal.count) functions not recorded: \(refusal.reason) (apus info \(output) names them)")
    }
    for note in result.notes { Diagnostics.note(note) }
  }
}

/// A length of time with its unit.
struct Duration: ExpressibleByArgument {
  var nanoseconds: UInt64

  init?(argument: String) {
    let digits = argument.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let scale: Double
    switch argument.dropFirst(digits.count) {
    case "ns", "": scale = 1
    case "us", "µs": scale = 1e3
    case "ms": scale = 1e6
    case "s": scale = 1e9
    default: return nil
    }
    guard let number = Double(digits), number * scale >= 1, number * scale <= 1e18 else { return nil }
    nanoseconds = UInt64(number * scale)
  }
}

/// A number of bytes with its unit.
struct ByteCount: ExpressibleByArgument, CustomStringConvertible {
  var bytes: Int

  init(_ bytes: Int) { self.bytes = bytes }

  init?(argument: String) {
    let digits = argument.prefix { $0.isASCII && $0.isNumber }
    let shift: Int
    switch argument.dropFirst(digits.count).uppercased() {
    case "", "B": shift = 0
    case "K", "KB", "KIB": shift = 10
    case "M", "MB", "MIB": shift = 20
    case "G", "GB", "GIB": shift = 30
    default: return nil
    }
    guard let number = Int(digits), number > 0, number <= Int.max >> 31 else { return nil }
    bytes = number << shift
  }

  /// The next power of two.
  var powerOfTwo: Int {
    var size = 4096
    while size < bytes { size <<= 1 }
    return size
  }

  var description: String { bytes % (1 << 20) == 0 ? "\(bytes >> 20)M" : "\(bytes >> 10)K" }
}
