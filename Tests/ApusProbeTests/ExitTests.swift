import ApusProbe
import Testing

/// The return of a frame by a thread without a context: the chunk table alone leads to its return address.
@Suite struct ExitTests {
  private static let frame = ModelLayout.stackTops[1]

  /// Runs the exit routine with the chunk's key in the slot that is `distance` from its home, behind slots of others.
  ///
  /// - Returns: the return address that it gives, and how many returns it counts as unmatched.
  private static func exit(distance: Int?, others: Int) throws -> (address: UInt64, unmatched: UInt64) {
    let scenario = Scenario(name: "exit", threads: [[]], withoutContext: [0], slotsTaken: others)
    let setup = try Setup(scenario, ProgramSet(scenario))
    var world = try World(setup)
    if let distance {
      let slot = ModelLayout.homeSlot + distance
      let low = Self.frame & ~(StackChunk.size - 1)
      try world.memory.setGlobal(
        ModelLayout.chunkTable + UInt64(slot * StackChunk.slotStride), low >> UInt64(StackChunk.shift))
      let mirror =
        ModelLayout.mirror + UInt64(slot) << UInt64(StackChunk.mirrorShift) + 4 * (Self.frame - low)
      try world.memory.setGlobal(mirror, 0x1234)
    }
    let entry = try #require(setup.linked.entry(Routine.exit.symbol))
    var machine = world.machine(entry, 0, frame: Self.frame)
    machine[.v2] = Self.frame
    #expect(machine.run(&world.memory, limit: 10_000) == .returned)
    return (machine[.v3], world.counter(.unmatchedReturns))
  }

  @Test(arguments: [0, 1, StackChunk.probeLimit - 1]) func findsTheAddress(_ distance: Int) throws {
    let result = try Self.exit(distance: distance, others: distance)
    #expect(result.address == 0x1234)
    #expect(result.unmatched == 0)
  }

  @Test(arguments: [0, 1, StackChunk.probeLimit]) func searchesNoFurtherThanFramesAreLinked(_ others: Int)
    throws
  {
    let result = try Self.exit(distance: nil, others: others)
    #expect(result.address == 0)
    #expect(result.unmatched == 1)
  }

  @Test func aFreeSlotEndsTheSearch() throws {
    let result = try Self.exit(distance: 2, others: 1)
    #expect(result.address == 0)
    #expect(result.unmatched == 1)
  }
}
