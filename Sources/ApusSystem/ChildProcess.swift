internal import CApusLinux
internal import Glibc

/// A program that is started and waited for.
package struct ChildProcess: Sendable {
  /// How it ended.
  package enum End: Sendable, Hashable {
    case exited(Int32)
    case signalled(Int32)

    /// As shells say it: the status, or 128 and the signal's number.
    package var status: Int32 {
      switch self {
      case .exited(let status): status
      case .signalled(let signal): 128 + signal
      }
    }
  }

  package let id: Int32

  /// Starts a program, found in PATH if its name has no slash.
  ///
  /// - Parameters:
  ///   - environment: `NAME=VALUE` words; nil: this program's.
  ///   - directory: where it runs; nil: here.
  ///   - output: the descriptor for what it prints, errors too; nil: this program's.
  package init(
    _ command: [String], environment: [String]? = nil, directory: String? = nil, output: Int32? = nil
  ) throws(SystemError) {
    let words = CStrings(command)
    let variables = CStrings(environment ?? ProcessEnvironment.words)
    let id =
      if let directory {
        unsafe apus_spawn(words.pointers, variables.pointers, directory, output ?? -1)
      } else {
        unsafe apus_spawn(words.pointers, variables.pointers, nil, output ?? -1)
      }
    guard id > 0 else {
      throw SystemError(call: "posix_spawn", errno: Errno(rawValue: -id), context: command.first ?? "")
    }
    self.id = id
  }

  /// Waits for its end.
  package func wait() throws(SystemError) -> End {
    var status: Int32 = 0
    while true {
      let result = unsafe waitpid(id, &status, 0)
      if result == id { break }
      guard errno == EINTR else { throw SystemError(call: "waitpid", errno: Errno(rawValue: errno)) }
    }
    return status & 0x7f == 0 ? .exited(status >> 8 & 0xff) : .signalled(status & 0x7f)
  }

  /// Waits for its end, and passes on what signals come meanwhile.
  package func wait(passingOn signals: borrowing SignalDescriptor) throws(SystemError) -> End {
    let own = try FileDescriptor.process(id)
    while true {
      let ready = try Poll.readable([own.rawValue, signals.rawValue], timeoutMilliseconds: nil)
      while let signal = signals.take() { try SignalSender.send(signal, process: id) }
      if ready[0] { return try wait() }
    }
  }

  /// This process becomes another program; returns only if it cannot.
  package static func replaceSelf(path: String, _ command: [String]) -> SystemError {
    let words = CStrings(command)
    unsafe execv(path, words.pointers)
    return SystemError(call: "execve", errno: Errno(rawValue: errno))
  }
}

/// This process's environment.
package enum ProcessEnvironment {
  /// This process's number.
  package static var processID: Int32 { getpid() }

  /// `NAME=VALUE` words.
  package static var words: [String] {
    var result: [String] = []
    guard var place = unsafe apus_environment() else { return [] }
    while let word = unsafe place.pointee {
      unsafe result.append(String(cString: word))
      unsafe place += 1
    }
    return result
  }

  /// The value of a variable.
  package static func value(_ name: String) -> String? {
    guard let text = unsafe getenv(name) else { return nil }
    return unsafe String(cString: text)
  }

  /// The words with one variable set anew.
  package static func words(setting name: String, to value: String) -> [String] {
    words.filter { !$0.hasPrefix(name + "=") } + ["\(name)=\(value)"]
  }
}

/// Words as C wants them, for as long as it lives.
@safe
private final class CStrings {
  let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  private let count: Int

  init(_ words: [String]) {
    count = words.count
    unsafe pointers = .allocate(capacity: words.count + 1)
    for (index, word) in words.enumerated() { unsafe pointers[index] = unsafe strdup(word) }
    unsafe pointers[words.count] = nil
  }

  deinit {
    for index in 0..<count { unsafe free(pointers[index]) }
    unsafe pointers.deallocate()
  }
}
