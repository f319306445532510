import ApusCore
import ApusISA
import ApusProbe

/// A way for a call to go through a stub, and what it leaves in memory.
struct CallPath: Sendable {
  var name: String
  var isTimed = false
  /// The stub of ``function``.
  var stub: @Sendable (ProbeEnvironment) -> ProbeProgram
  /// How many events the call logs.
  var events: @Sendable (RegisterRecord) -> Int
  /// How much the thread's counter goes up.
  var counted = 0
  /// What leads to the stub, if that is counted too; and whether it does, or is disabled.
  var sequence: SiteSequence?
  var isEnabled = true

  /// The function that is called.
  static let function: UInt32 = 1000
  /// The call site's address in the register file.
  static let site: UInt64 = 0x1234_5678
  /// A handler that only returns: what a stub costs is what comes before and after the handler's own work.
  static let handler = ProbeSymbol(rawValue: "handler")
  static var handlerProgram: ProbeProgram {
    ProbeProgram(name: handler.rawValue, role: .routine, instructions: [.returnFromRoutine])
  }

  /// All of them on an architecture.
  static func all(_ architecture: Architecture) -> [CallPath] {
    architecture == .arm64 ? paths + SiteSequence.allCases.flatMap { sequences($0) } : paths
  }

  /// A call with the sequence that leads to the stub.
  private static func sequences(_ sequence: SiteSequence) -> [CallPath] {
    let called = sequence.function(function)
    let entry: @Sendable (ProbeEnvironment) -> ProbeProgram = {
      sequence.adapted(.entryStub(function: called, environment: $0))
    }
    return [
      CallPath(
        name: "\(sequence.rawValue): disabled", stub: entry, events: { _ in 0 }, sequence: sequence,
        isEnabled: false),
      CallPath(
        name: "\(sequence.rawValue): count",
        stub: { sequence.adapted(.countStub(function: called, environment: $0)) }, events: { _ in 0 },
        counted: 1, sequence: sequence),
      CallPath(
        name: "\(sequence.rawValue): entry, timed", isTimed: true, stub: entry, events: { _ in 1 },
        sequence: sequence),
    ]
  }

  /// Those of one stub for each function, cheap ones first.
  private static let paths: [CallPath] = [
    CallPath(
      name: "count", stub: { .countStub(function: .one(function), environment: $0) }, events: { _ in 0 },
      counted: 1
    ),
    CallPath(
      name: "entry, untimed", stub: { .entryStub(function: .one(function), environment: $0) },
      events: { _ in 1 }),
    CallPath(
      name: "entry, timed", isTimed: true, stub: { .entryStub(function: .one(function), environment: $0) },
      events: { _ in 1 }),
    CallPath(
      name: "graph, untimed",
      stub: { .graphStub(function: .one(function), options: .init(), environment: $0) }, events: { _ in 2 }),
    CallPath(
      name: "graph, timed", isTimed: true,
      stub: { .graphStub(function: .one(function), options: .init(), environment: $0) }, events: { _ in 2 }),
    CallPath(
      name: "entry with handler",
      stub: { _ in .entryHandlerStub(function: .one(function), handler: handler) },
      events: { _ in 0 }),
    CallPath(
      name: "regs with handler",
      stub: { .handlerStub(site: site, handler: handler, registers: $0.registers) }, events: { _ in 0 }),
    CallPath(
      name: "regs, entry, timed", isTimed: true,
      stub: { .entryRegistersStub(function: function, site: site, environment: $0) },
      events: { 2 * $0.count + 1 }),
    CallPath(
      name: "regs, graph, timed", isTimed: true,
      stub: { .graphRegistersStub(function: function, site: site, options: .init(), environment: $0) },
      events: { 2 * $0.count + 2 }),
  ]
}
