import ApusCore
import ApusProbe
import Testing

/// How an unwinder that looks a return address of ours up is led on to the caller's.
@Suite struct LookUpHookTests {
  private static let context = UnwinderContext(stackPointer: 784, programCounter: 792, bases: 808)
  private static let place: UInt64 = 0x4000
  private static let frame = ModelLayout.stackTops[2] - 0x100
  private static let ours = ModelLayout.stubPoint(3)
  private static let caller: UInt64 = 0x5555_0000_1234

  /// The chunk of the frame stands so many places behind its home, all of which are taken.
  private static let distance = 2
  private static let slot = UInt64(ModelLayout.homeSlot + distance)

  private static func words(_ start: UInt64, _ count: Int, _ words: [UInt64: UInt64]) -> FlatMemory.Region {
    var region = FlatMemory.Region(start: start, bytes: [UInt8](repeating: 0, count: count))
    for (address, word) in words {
      for byte in 0..<8 {
        region.bytes[Int(address - start) + byte] = UInt8(truncatingIfNeeded: word >> UInt64(8 * byte))
      }
    }
    return region
  }

  /// A process in which `frame` is open, and an unwinder's context that has come to a frame.
  private static func memory(
    stackPointer: UInt64, programCounter: UInt64, caller: UInt64 = caller
  ) -> FlatMemory {
    let table = ModelLayout.chunkTable
    let stride = UInt64(StackChunk.slotStride)
    var keys: [UInt64: UInt64] = [:]
    for index in 0...UInt64(distance) {
      let top = ModelLayout.stackTops[Int(index)]
      keys[table + (UInt64(ModelLayout.homeSlot) + index) * stride] = top >> UInt64(StackChunk.shift)
    }
    let chunk = ModelLayout.mirror + slot << UInt64(StackChunk.mirrorShift)
    let entry = chunk + (frame & (StackChunk.size - 1)) * 4
    return FlatMemory([
      words(table, ModelLayout.chunkSlots * StackChunk.slotStride, keys),
      words(entry & ~0xff, 0x200, [entry: caller]),
      words(
        ModelLayout.control, 4096,
        [
          ModelLayout.control + UInt64(SharedControl.arenaCount): 1,
          ModelLayout.control + UInt64(SharedControl.arenas): ModelLayout.arena,
          ModelLayout.control + UInt64(SharedControl.arenas + 8): ModelLayout.arenaSize,
        ]),
      words(
        place, 1024,
        [
          place + UInt64(context.stackPointer): stackPointer,
          place + UInt64(context.programCounter): programCounter,
        ]),
    ])
  }

  /// Runs the hook on a look-up of `argument`; gives the first argument and the context's program counter afterwards.
  private static func run(
    _ memory: FlatMemory, _ argument: UInt64, bases: UInt64? = nil
  ) throws -> (argument: UInt64, programCounter: UInt64, passed: UInt64) {
    let environment = ModelLayout.environment(timed: true, waits: true, depthLimit: nil)
    var routines: [ProbeSymbol: ProbeProgram] = [:]
    for routine in Routine.allCases { routines[routine.symbol] = routine.program(environment) }
    let program = ProbeProgram.lookUpHook(context, environment: environment)
    try program.check()
    let linked = try LinkedPrograms([program], library: routines)
    let bases = bases ?? place + UInt64(context.bases)
    var memory = memory
    var machine = ProbeInterpreter(
      linked.entry(0), of: linked, threadPointer: 7, frameAddress: 0x1008,
      arguments: [argument, bases, 3, 4, 5, 6])
    #expect(machine.run(&memory) == .jumpBody)
    #expect((1..<6).map { machine.arguments[$0] } == [bases, 3, 4, 5, 6])
    let counter = ModelLayout.control + UInt64(SharedControl.Counter.walkedThrough.offset)
    return (
      machine.arguments[0], try memory.load(place + UInt64(context.programCounter), .eight, .plain),
      try memory.load(counter, .eight, .plain)
    )
  }

  @Test func aReturnAddressOfOursBecomesTheCallers() throws {
    for address in [Self.ours, ModelLayout.slowReturn] {
      let memory = Self.memory(stackPointer: Self.frame, programCounter: address)
      let result = try Self.run(memory, address - 1)
      #expect(result == (Self.caller - 1, Self.caller, 1))
    }
  }

  @Test func whatIsNotOursStays() throws {
    let other: UInt64 = 0x5555_0000_8888
    let result = try Self.run(Self.memory(stackPointer: Self.frame, programCounter: other), other - 1)
    #expect(result == (other - 1, other, 0))
  }

  @Test func whatASignalHasInterruptedStays() throws {
    // The context of a frame below a signal's has the very place, and asks for it.
    let result = try Self.run(Self.memory(stackPointer: Self.frame, programCounter: Self.ours), Self.ours)
    #expect(result == (Self.ours, Self.ours, 0))
  }

  @Test func aLookUpOutsideOfAContextStays() throws {
    let memory = Self.memory(stackPointer: Self.frame, programCounter: 0)
    #expect(try Self.run(memory, Self.ours - 1) == (Self.ours - 1, 0, 0))
    // No memory before the bases.
    #expect(try Self.run(memory, Self.ours - 1, bases: 0x10).argument == Self.ours - 1)
  }

  @Test func aFrameThatIsNotOpenStays() throws {
    let closed = Self.memory(stackPointer: Self.frame, programCounter: Self.ours, caller: 0)
    #expect(try Self.run(closed, Self.ours - 1) == (Self.ours - 1, Self.ours, 0))
    // A stack on which no call was ever recorded.
    let elsewhere = Self.memory(stackPointer: ModelLayout.stackTops[4], programCounter: Self.ours)
    #expect(try Self.run(elsewhere, Self.ours - 1) == (Self.ours - 1, Self.ours, 0))
  }
}
