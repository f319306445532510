/// A program to be started under a tracer. Its working directory, its standard input and output, its signal mask and
/// its ignored signals are those that this process was started with.
package struct LaunchRequest: Sendable, Hashable {
  /// The program, looked for in PATH unless it has a slash, and its arguments; the program is the first.
  package var command: [String]
  /// `NAME=value` strings; nil for this process's own environment.
  package var environment: [String]?

  /// Makes a request.
  package init(_ command: [String], environment: [String]? = nil) {
    self.command = command
    self.environment = environment
  }
}
