internal import CApusLinux
internal import Glibc

/// What is known of a descriptor that may be a terminal.
package struct Terminal: Sendable {
  /// The user's choice, `--color`.
  package enum ColorChoice: String, Sendable, CaseIterable {
    case auto
    case always
    case never
  }

  /// The descriptor: 1 is standard output, 2 standard error.
  package let descriptor: Int32

  /// Standard output.
  package static let output = Terminal(descriptor: 1)
  /// Standard error.
  package static let error = Terminal(descriptor: 2)

  /// Wraps a descriptor, which stays its owner's.
  package init(descriptor: Int32) { self.descriptor = descriptor }

  /// Whether it is a terminal.
  package var isTerminal: Bool { isatty(descriptor) == 1 }

  /// The number of columns; nil when it is no terminal, or does not say.
  package var width: Int? {
    var size = winsize()
    let number = descriptor
    let result = unsafe withUnsafeMutablePointer(to: &size) {
      Kernel.raw(APUS_SYS_ioctl, Int(number), Int(TIOCGWINSZ), Int(bitPattern: $0))
    }
    return result == 0 && size.ws_col > 0 ? Int(size.ws_col) : nil
  }

  /// Whether to write colours: as chosen; by itself on a terminal, unless NO_COLOR is set and not empty (see
  /// no-color.org) or TERM is "dumb".
  package func usesColor(_ choice: ColorChoice, environment: (String) -> String?) -> Bool {
    switch choice {
    case .always: true
    case .never: false
    case .auto: isTerminal && (environment("NO_COLOR") ?? "").isEmpty && environment("TERM") != "dumb"
    }
  }

  /// A variable of this process's environment.
  package static func environment(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
  }

  /// Writes text as it is. Failures are not reported: there is no better place to say so.
  package func write(_ text: String) {
    var text = text
    let number = descriptor
    text.withUTF8 { bytes in
      var done = 0
      while done < bytes.count {
        let put = Kernel.raw(
          APUS_SYS_write, Int(number), Int(bitPattern: bytes.baseAddress) &+ done, bytes.count &- done)
        if put == -Int(EINTR) { continue }
        if put <= 0 { return }
        done += put
      }
    }
  }
}
