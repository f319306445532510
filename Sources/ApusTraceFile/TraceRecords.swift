/// The command that was recorded and the machine it ran on.
package struct HostRecord: Sendable, Hashable {
  /// The program and its arguments.
  package var command: [String]
  /// The machine's name.
  package var hostName: String
  /// The kernel: name, release, version, as uname(2) gives them.
  package var kernel: String
  /// "x86_64" and so on.
  package var architecture: String
  /// Processors online.
  package var processors: UInt64
  /// The version of Apus that wrote the file.
  package var apusVersion: String
  /// How it was asked to record: the options, for people.
  package var options: String

  /// A host.
  package init(
    command: [String], hostName: String, kernel: String, architecture: String, processors: UInt64,
    apusVersion: String, options: String
  ) {
    self.command = command
    self.hostName = hostName
    self.kernel = kernel
    self.architecture = architecture
    self.processors = processors
    self.apusVersion = apusVersion
    self.options = options
  }
}

/// A process. Keys are the recorder's own, not reused within a file.
package struct ProcessRecord: Sendable, Hashable {
  /// Its key.
  package var key: UInt32
  /// Its process identifier.
  package var pid: UInt32
  /// The parent's key, or 0.
  package var parent: UInt32
  /// Path of the program.
  package var executable: String
  /// Counter when it joined the session; 0 if not known.
  package var start: UInt64
  /// Its exit status as wait(2) gives it, once it has ended.
  package var waitStatus: UInt64?

  /// A process.
  package init(
    key: UInt32, pid: UInt32, parent: UInt32 = 0, executable: String, start: UInt64, waitStatus: UInt64? = nil
  ) {
    self.key = key
    self.pid = pid
    self.parent = parent
    self.executable = executable
    self.start = start
    self.waitStatus = waitStatus
  }
}

/// A program file or library, as mapped in a process.
package struct ModuleRecord: Sendable, Hashable {
  /// Its key.
  package var key: UInt32
  /// The process's key.
  package var process: UInt32
  /// Path.
  package var path: String
  /// Build identifier, in hexadecimal, or empty.
  package var buildID: String
  /// What is added to its own addresses to make the process's.
  package var bias: UInt64

  /// A module.
  package init(key: UInt32, process: UInt32, path: String, buildID: String, bias: UInt64) {
    self.key = key
    self.process = process
    self.path = path
    self.buildID = buildID
    self.bias = bias
  }

  /// The last component of its path.
  package var name: String {
    path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[path.index(after: $0)...]) } ?? path
  }
}

/// A function that has an identifier.
package struct FunctionRecord: Sendable, Hashable {
  /// Its identifier, 1 or more, 24 bits.
  package var id: UInt32
  /// The module's key.
  package var module: UInt32
  /// Address in the module's own numbering.
  package var address: UInt64
  /// Size in bytes, or 0.
  package var size: UInt64
  /// Name as the symbol table has it (mangled).
  package var name: String

  /// A function.
  package init(id: UInt32, module: UInt32, address: UInt64, size: UInt64, name: String) {
    self.id = id
    self.module = module
    self.address = address
    self.size = size
    self.name = name
  }
}

/// A thread. Keys are the recorder's own: a thread identifier that the kernel gives out again gets a new key.
package struct ThreadRecord: Sendable, Hashable {
  /// Its key.
  package var key: UInt32
  /// The process's key.
  package var process: UInt32
  /// Its thread identifier.
  package var tid: UInt32
  /// Its name (comm).
  package var name: String
  /// Counter when it was seen first; 0 if not known.
  package var start: UInt64
  /// Counter when it ended, once it has.
  package var end: UInt64?

  /// A thread.
  package init(
    key: UInt32, process: UInt32, tid: UInt32, name: String, start: UInt64, end: UInt64? = nil
  ) {
    self.key = key
    self.process = process
    self.tid = tid
    self.name = name
    self.start = start
    self.end = end
  }
}

/// How many calls of a function: made, at level count, or lost.
package struct FunctionCount: Sendable, Hashable {
  /// The function's identifier.
  package var function: UInt32
  /// How many, since the chunk of this kind before.
  package var count: UInt64

  /// A count.
  package init(function: UInt32, count: UInt64) {
    self.function = function
    self.count = count
  }
}

/// What became of the call sites.
package struct SitesRecord: Sendable, Hashable {
  /// A site that was not enabled, although it was chosen.
  package struct Refusal: Sendable, Hashable {
    /// Why: one of few texts, so that they can be counted.
    package var reason: String
    /// The function's name.
    package var function: String
    /// The module's path.
    package var module: String

    /// A refusal.
    package init(reason: String, function: String, module: String) {
      self.reason = reason
      self.function = function
      self.module = module
    }
  }

  /// Sites found.
  package var found: UInt64
  /// Sites enabled.
  package var enabled: UInt64
  /// Every site that was refused.
  package var refused: [Refusal]
  /// Of the enabled ones, those on the regs path.
  package var registers: UInt64

  /// A summary.
  package init(found: UInt64, enabled: UInt64, refused: [Refusal], registers: UInt64 = 0) {
    self.registers = registers
    self.found = found
    self.enabled = enabled
    self.refused = refused
  }
}

/// A counter with a name; slow paths: "unmatched_returns", "unwound", "re_armed", "stack_full" …
package struct NamedCount: Sendable, Hashable {
  /// Its name.
  package var name: String
  /// How many, since the chunk of this kind before.
  package var count: UInt64

  /// A count.
  package init(name: String, count: UInt64) {
    self.name = name
    self.count = count
  }
}
