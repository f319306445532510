import ApusCore
import ApusProbe
import ApusTrampoline
import TestSupport

/// Where the traps of lowered programs stand.
struct PlacedTraps {
  /// A trap: its program's name and its place among the instructions.
  struct Trap: Hashable {
    var program: String
    var index: Int
  }

  private var places: [Trap: Address] = [:]

  /// Takes in a program whose code stands at an address, and where threads go on behind its traps. Its code must have a trap
  /// for each of the program's, for the same reason.
  mutating func add(
    _ program: ProbeProgram, _ blob: CodeBlob, at place: Address,
    _ faults: inout [(start: Address, recovery: Address)]
  ) throws {
    var traps = blob.traps[...]
    for case (let index, .trap(let reason)) in program.instructions.enumerated() {
      guard let trap = traps.popFirst(), trap.reason == reason else {
        throw ToolFailure(description: "\(program.name): no trap for \(reason) at \(index)")
      }
      places[Trap(program: program.name, index: index)] = place + UInt64(trap.start)
      faults.append((place + UInt64(trap.start), place + UInt64(trap.end)))
    }
    guard traps.isEmpty else { throw ToolFailure(description: "\(program.name): a trap too many") }
  }

  /// The number that a process makes of traps that it executes in this order.
  func digest(_ executed: [Trap]) -> UInt64 {
    executed.reduce(0) { 31 &* $0 &+ (places[$1] ?? 0) }
  }
}
