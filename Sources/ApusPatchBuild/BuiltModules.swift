/// The programs and libraries that are patched, and what the build links them from.
struct BuiltModules {
  private(set) var all: [LinkedModule] = []
  /// The build's output that a module is, by the module's path.
  private var outputs: [String: String] = [:]
  /// By the output's path in the build.
  private var inputs: [String: LinkInputs] = [:]

  /// Adds a module, which the build makes as `output`.
  mutating func add(_ module: LinkedModule, output: String) {
    all.append(module)
    outputs[module.path] = output
  }

  /// Reads from the commands that link what outputs are linked from.
  mutating func readInputs(_ log: BuildLog) {
    for record in log.records where record.kind == .link {
      inputs[record.output, default: LinkInputs()].add(record)
    }
  }

  /// Whether an object file of the build is a part of a module: by the command that links it, else by the code.
  ///
  /// - Parameter object: its path from the root.
  func isPart(_ object: String, _ comparison: ObjectComparison, of module: LinkedModule) -> Bool {
    let isInput = outputs[module.path].flatMap { inputs[$0]?.contains(object) }
    if isInput == true { return true }
    // (One that nothing was linked from by this name was moved, or put into an archive.)
    if isInput == false, inputs.values.contains(where: { $0.contains(object) == true }) { return false }
    return comparison.belongs(to: module)
  }
}
