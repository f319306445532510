import ApusProbe

/// The programs of one exploration: the real ones, or with one of them mutated.
struct ProgramSet: Sendable {
  /// The stubs, by function.
  var stubs: [ProbeProgram]
  var slowReturn: ProbeProgram
  var hooks: [Hook: ProbeProgram]
  var routines: [ProbeSymbol: ProbeProgram]

  /// A function that is hooked.
  enum Hook: Int, Sendable, CaseIterable {
    case disarm, arm, land, giveBack, loader
  }

  static let functions = 10

  init(_ scenario: Scenario) {
    let environment = ModelLayout.environment(
      timed: scenario.timed, waits: scenario.waits, stops: scenario.stops, depthLimit: scenario.depthLimit,
      minimumTicks: scenario.minimumTicks)
    stubs = (0..<Self.functions).map {
      let function: StubFunction =
        scenario.sharesStubs && $0 % 2 == 1 ? .many(opsDistance: 16) : .one(UInt32($0))
      return switch scenario.level {
      case .count: .countStub(function: function, environment: environment)
      case .entry where scenario.recordsRegisters && $0 % 2 == 1:
        .entryRegistersStub(
          function: UInt32($0), site: ModelLayout.site($0), environment: environment)
      case .entry: .entryStub(function: function, environment: environment)
      case .graph where scenario.recordsRegisters && $0 % 2 == 1:
        .graphRegistersStub(
          function: UInt32($0), site: ModelLayout.site($0), options: scenario.options[$0] ?? StubOptions(),
          environment: environment)
      case .graph:
        .graphStub(
          function: function, options: scenario.options[$0] ?? StubOptions(), environment: environment)
      }
    }
    slowReturn = .slowReturn()
    hooks = [
      .disarm: .disarmHook(), .arm: .armHook(environment: environment),
      .land: .landHook(cfaOffset: 16, distance: 8), .giveBack: .giveBackHook(),
      .loader: .loaderHook(),
    ]
    routines = [:]
    for routine in Routine.allCases { routines[routine.symbol] = routine.program(environment) }
  }
}

/// What does not change while a world runs; shared by all its copies.
final class Setup: Sendable {
  let scenario: Scenario
  let linked: LinkedPrograms
  /// Where each stub goes on after its body.
  private let afterBody: [Int]
  /// For each instruction of each program: whether something that comes before it can make a difference.
  let isBoundary: [[Bool]]
  let isPause: [[Bool]]
  let isTrap: [[Bool]]

  init(_ scenario: Scenario, _ programs: ProgramSet) throws {
    self.scenario = scenario
    var all = programs.stubs
    all.append(programs.slowReturn)
    for hook in ProgramSet.Hook.allCases { all.append(programs.hooks[hook] ?? programs.slowReturn) }
    linked = try LinkedPrograms(all, library: programs.routines)
    isBoundary = linked.programs.map { $0.instructions.map(\.isVisible) + [true] }
    isTrap = linked.programs.map { $0.instructions.map { $0 == .trap(.room) } + [false] }
    isPause = linked.programs.map { $0.instructions.map { $0 == .pause } + [false] }
    afterBody = programs.stubs.map { stub in
      (stub.instructions.firstIndex { $0 == .callBody } ?? -1) + 1
    }
  }

  /// How many ticks a thread waits for `apus`.
  var patience: UInt64 { scenario.readerIsAway ? 20 : 1_000_000 }
  /// Where a thread's context stands.
  func context(_ thread: Int) -> UInt64 {
    ModelLayout.context(thread) + UInt64(scenario.retired * ThreadContext.stride)
  }
  func stub(_ function: Int) -> LinkedPrograms.Entry { linked.entry(function) }
  func afterBody(_ function: Int) -> Int { afterBody[function] }
  var slowReturn: LinkedPrograms.Entry { linked.entry(ProgramSet.functions) }
  func hook(_ hook: ProgramSet.Hook) -> LinkedPrograms.Entry {
    linked.entry(ProgramSet.functions + 1 + hook.rawValue)
  }
}
