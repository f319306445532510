/// One line on a terminal that is written over and over; silent on anything else, and for the first second.
package struct ProgressLine: ~Copyable {
  private let terminal: Terminal
  private let isActive: Bool
  private var next: UInt64
  private var isShown = false

  /// Starts; nothing is shown before a second has gone.
  package init(on terminal: Terminal = .error) {
    self.terminal = terminal
    isActive = terminal.isTerminal
    next = Clock.monotonic.now() &+ 1_000_000_000
  }

  /// Shows `text` if it is time to: ten times a second at the most.
  package mutating func update(_ text: @autoclosure () -> String) {
    guard isActive else { return }
    let now = Clock.monotonic.now()
    guard now >= next else { return }
    next = now &+ 100_000_000
    isShown = true
    terminal.write("\r\u{1b}[K" + text().prefix(max((terminal.width ?? 80) - 1, 10)))
  }

  /// Takes the line away.
  package mutating func finish() {
    if isShown { terminal.write("\r\u{1b}[K") }
    isShown = false
  }

  deinit {
    if isShown { terminal.write("\r\u{1b}[K") }
  }
}
