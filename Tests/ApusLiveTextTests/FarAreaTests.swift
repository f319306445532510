import ApusCore
import ApusLiveText
import ApusProbe
import ApusSystem
import ApusTrampoline
import Glibc
import Testing

/// Stubs at the ends of what branches reach, run: the place is looked for among what is mapped, the stub is put there, the slot is
/// enabled, and a call goes there and back.
@Suite struct FarAreaTests {
  /// How an architecture's code is made and run here.
  struct Machine: Sendable, CustomStringConvertible {
    var architecture: Architecture
    var compiler: String
    var emulator: String
    /// What a function does behind its slot: returns its argument plus one.
    var body: [UInt8]
    var description: String { "\(architecture)" }
  }

  static let machines = [
    Machine(architecture: .x86_64, compiler: "cc", emulator: "", body: [0x48, 0x8d, 0x47, 0x01, 0xc3]),
    Machine(
      architecture: .arm64, compiler: "aarch64-linux-gnu-gcc", emulator: "qemu-aarch64",
      body: [0x00, 0x04, 0x00, 0x91, 0xc0, 0x03, 0x5f, 0xd6]),
    Machine(
      architecture: .ppc64le, compiler: "powerpc64le-linux-gnu-gcc",
      emulator: "qemu-ppc64le -cpu POWER8",
      body: [0x01, 0x00, 0x63, 0x38, 0x20, 0x00, 0x80, 0x4e]),
  ]

  /// A module's text among other mappings, and a slot in it.
  private struct Surroundings {
    static let unit: UInt64 = 0x10000
    var text: AddressRange
    var slot: Address
    /// What is taken right below the text and right above it.
    var below: UInt64
    var above: UInt64

    init(reach: UInt64, slotBytes: Int, _ random: inout SystemRandomNumberGenerator) {
      let start = UInt64.random(in: 0x1000_0000..<0x3000_0000, using: &random) * Self.unit
      let text = AddressRange(
        start, start + UInt64.random(in: 1...reach / 2 / Self.unit, using: &random) * Self.unit)
      let last = text.end - 64
      self.text = text
      slot =
        switch Int.random(in: 0..<4, using: &random) {
        case 0: text.start
        case 1: last
        default: UInt64.random(in: text.start..<last, using: &random) & ~3
        }
      func taken(_ random: inout SystemRandomNumberGenerator) -> UInt64 {
        // Mostly just so much that something fits, or does not.
        switch Int.random(in: 0..<4, using: &random) {
        case 0: UInt64.random(in: 0...reach / Self.unit, using: &random) * Self.unit
        case 1: 2 * (reach / Self.unit + 1) * Self.unit
        default: ((reach - text.count) / Self.unit - UInt64.random(in: 0...64, using: &random)) * Self.unit
        }
      }
      below = taken(&random)
      above = taken(&random)
    }

    var gap: AddressSpaceGap {
      let mappings = [(text.start - below, text.start), (text.start, text.end), (text.end, text.end + above)]
      let lines = mappings.filter { $0.0 < $0.1 }.map {
        "\(String($0.0, radix: 16))-\(String($0.1, radix: 16)) r-xp 00000000 fe:01 7 /module\n"
      }
      return AddressSpaceGap(ProcessMaps.parse(lines.joined()))
    }

    /// Whether there is room, leaving undecided what margins decide.
    func hasRoom(_ bytes: UInt64, reach: UInt64) -> Bool? {
      let left = reach - text.count
      let nearest = min(below, above)
      if nearest + bytes + 4 * Self.unit <= left { return true }
      return nearest + bytes > left ? false : nil
    }
  }

  /// Counts calls and returns in the words of a data page.
  private static func program(data: Address) -> ProbeProgram {
    var b = ProgramBuilder()
    b.constant(.v1, data)
    b.emit(.localAdd(ProbeAddress(.v1), .immediate(1)))
    b.emit(.loadReturnAddress(.v2))
    b.store(.v1, 16, .v2)
    b.emit(.callBody)
    b.constant(.v1, data)
    b.emit(.localAdd(ProbeAddress(.v1, 8), .immediate(1)))
    b.load(.v2, .v1, 16)
    b.emit(.storeReturnAddress(.v2))
    b.emit(.leave)
    return b.program("far", .stub)
  }

  @Test("A stub at the end of the reach is reached, and finds back", arguments: machines)
  func calls(_ machine: Machine) throws {
    let states = SiteStates(machine.architecture)
    let lowering = Lowering(machine.architecture)
    var random = SystemRandomNumberGenerator()
    var input: [UInt64] = []
    var arguments: [UInt64] = []
    var refused = 0
    var farthest: UInt64 = 0
    for _ in 0..<600 {
      let place = Surroundings(reach: states.reach, slotBytes: states.slotBytes, &random)
      let bytes = UInt64.random(in: 1...32, using: &random) << 16
      let found = place.gap.find(near: place.text, bytes: bytes, reach: states.reach)
      let expected = place.hasRoom(bytes, reach: states.reach)
      #expect(expected == nil || expected == (found != nil), "\(place), \(bytes) bytes")
      guard let arena = found else {
        refused += 1
        continue
      }
      let data: Address = 0x7000_0000_0000 + UInt64(arguments.count % 16) << 20
      let program = Self.program(data: data)
      try program.check()
      let blob = try lowering.lower(program)
      // At the arena's beginning, or at its end.
      let (residue, modulus) = states.stubPlacement(slot: place.slot)
      let last = arena.end - UInt64(blob.bytes.count) - modulus
      let first = Bool.random(using: &random) ? arena.start : last
      let stub = first + ((residue &- first) & (modulus - 1))
      let slotEnd = place.slot + UInt64(max(states.slotBytes, 8))
      let prepared = try #require(states.prepared(slot: place.slot, stub: stub))
      let enabling = try #require(states.enabling(slot: place.slot, stub: stub))
      let slot = enabling + prepared.dropFirst(enabling.count)
      let padding = [UInt8](repeating: 0, count: Int(slotEnd - place.slot) - slot.count)
      farthest = max(farthest, stub > place.slot ? stub - place.slot : place.slot - stub)
      arguments.append(UInt64.random(in: 0..<UInt64.max, using: &random))
      input += [data, place.slot, arguments[arguments.count - 1], 2]
      input += Self.piece(place.slot, slot + padding + machine.body)
      input += Self.piece(stub, try blob.placed(at: stub, body: slotEnd) { _ in nil })
    }
    let output = try run(machine, [UInt64(arguments.count)] + input)
    try #require(output.count == 4 * arguments.count)
    for (index, argument) in arguments.enumerated() {
      #expect(output[4 * index] == argument &+ 1)
      #expect(output[4 * index + 1] == 1 && output[4 * index + 2] == 1)
    }
    #expect(arguments.count > 150 && refused > 50)
    // So far that one more module's size would be too far.
    #expect(farthest > states.reach - states.reach / 16)
  }

  private static func piece(_ address: Address, _ code: [UInt8]) -> [UInt64] {
    let padded = code + [UInt8](repeating: 0, count: -code.count & 7)
    let words = stride(from: 0, to: padded.count, by: 8).map { start in
      padded[start..<start + 8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    }
    return [address, UInt64(words.count)] + words
  }

  private func run(_ machine: Machine, _ input: [UInt64]) throws -> [UInt64] {
    let scratch = try Scratch()
    let source = #filePath.split(separator: "/").dropLast(2).joined(separator: "/") + "/MachineCode/pieces.c"
    let options = "-O1 -Wall -Werror -static -no-pie"
    try shell("\(machine.compiler) \(options) '/\(source)' -o '\(scratch.path)/pieces'")
    guard let stream = unsafe fopen("\(scratch.path)/in", "w") else {
      throw ShellError(description: "fopen: errno \(errno)")
    }
    let written = unsafe fwrite(input, 8, input.count, stream)
    let closed = unsafe fclose(stream)
    try #require(closed == 0 && written == input.count)
    try shell("cd '\(scratch.path)' && timeout 120 \(machine.emulator) ./pieces in out")
    let memory = try MappedMemory.file("\(scratch.path)/out")
    return unsafe Array(UnsafeRawBufferPointer(memory.buffer).assumingMemoryBound(to: UInt64.self))
  }
}
