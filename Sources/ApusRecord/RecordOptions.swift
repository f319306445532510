package import ApusCore
package import ApusSystem

/// What is recorded of each chosen function.
package enum RecordLevel: String, Sendable, CaseIterable {
  /// How often it is called.
  case count
  /// Each call.
  case entry
  /// Each call and its return.
  case graph
}

/// What happens to a call for which there is no room in a buffer.
package enum FullPolicy: String, Sendable, CaseIterable {
  /// It is counted as lost.
  case drop
  /// The program waits.
  case wait
}

/// Where the program is that is recorded, if not on this machine.
package struct RemoteOptions: Sendable {
  /// A server of GDB's remote protocol.
  package var address: SocketAddress
  /// Whether all threads are to be stopped at once, where the server could also stop them one by one.
  package var allStop = false
  /// Whether buffers may be shared through a file, where the server runs on this machine.
  package var sharesMemory = true

  /// The program at a server.
  package init(_ address: SocketAddress) { self.address = address }
}

/// What `apus record` is asked to do.
package struct RecordOptions: Sendable {
  /// The program and its arguments; empty for one that a server has already.
  package var command: [String]
  /// The server that has the program or starts it; nil: it runs on this machine.
  package var remote: RemoteOptions?
  /// The trace file's path.
  package var output = "apus.trace"
  /// Where to write what debuggers must know of the trampolines; nil: nowhere.
  package var symbolFile: String?
  /// Functions to record; empty: all.
  package var functions: [Glob] = []
  /// Functions not to record.
  package var excluded: [Glob] = []
  /// Functions to record with everything that they call.
  package var roots: [Glob] = []
  /// Of the functions that are recorded, those whose calls are recorded with all registers.
  package var registers: [Glob] = []
  /// Modules to look at; empty: all.
  package var modules: [Glob] = []
  package var level = RecordLevel.graph
  /// Whether functions may share a stub, where their call sites can lead to one.
  package var sharesStubs = false
  package var isTimed = true
  /// How many recorded frames may be open at once.
  package var depth: Int32?
  /// Calls that took less, in nanoseconds, are left out.
  package var minimumDuration: UInt64 = 0
  /// Bytes of a thread's buffer: a power of two.
  package var bufferSize = 4 << 20
  package var onFull = FullPolicy.wait
  /// The options as they were given, for the trace's header.
  package var description = ""
  /// The version of the command.
  package var version = ""
  /// Makes a readable name of a mangled one, so that patterns can be written as people see names.
  package var demangle: @Sendable (String) -> String = { $0 }

  /// Records `command` with everything else at its default.
  package init(command: [String]) { self.command = command }
}

/// Which functions are recorded, and how.
package struct FunctionChooser: Sendable {
  private let options: RecordOptions

  /// What a function is chosen as.
  package enum Choice: Sendable, Hashable {
    /// Wherever it is called from.
    case everywhere
    /// Together with what it calls.
    case root
    /// Below a root.
    case inside
  }

  package init(_ options: RecordOptions) { self.options = options }

  /// Whether functions of the module are recorded at all; a pattern is for its path or for the last part of it.
  package func includes(module path: String) -> Bool {
    guard !options.modules.isEmpty else { return true }
    let name = path.split(separator: "/").last.map(String.init) ?? path
    return options.modules.contains { $0.matches(path) || $0.matches(name) }
  }

  /// A readable name up to its parameters, which the last closing parenthesis ends.
  private static func withoutParameters(_ name: String) -> String? {
    guard var at = name.lastIndex(of: ")") else { return nil }
    var depth = 0
    while true {
      if name[at] == ")" { depth += 1 }
      if name[at] == "(" { depth -= 1 }
      if depth == 0 { break }
      guard at > name.startIndex else { return nil }
      at = name.index(before: at)
    }
    return at == name.startIndex ? nil : String(name[..<at])
  }

  /// A function's names as they can be written in patterns: mangled, readable, and without parameters.
  private func spellings(_ names: [String]) -> [String] {
    var all = names
    for name in names {
      let readable = options.demangle(name)
      guard readable != name else { continue }
      all.append(readable)
      if let bare = Self.withoutParameters(readable) { all.append(bare) }
    }
    return all
  }

  /// Whether calls of the function with these names (mangled), if they are recorded, are so with their registers.
  package func recordsRegisters(_ names: [String]) -> Bool {
    guard !options.registers.isEmpty else { return false }
    let all = spellings(names)
    return options.registers.contains { glob in all.contains { glob.matches($0) } }
  }

  /// What the function with these names (mangled) is chosen as; nil: it is not.
  package func choice(_ names: [String]) -> Choice? {
    if options.functions.isEmpty, options.roots.isEmpty, options.excluded.isEmpty { return .everywhere }
    let all = spellings(names)
    func matches(_ globs: [Glob]) -> Bool { globs.contains { glob in all.contains { glob.matches($0) } } }
    if matches(options.excluded) { return nil }
    if matches(options.functions) { return .everywhere }
    if matches(options.roots) { return .root }
    if !options.roots.isEmpty { return .inside }
    return options.functions.isEmpty ? .everywhere : nil
  }
}
