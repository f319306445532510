import ApusCore
import ApusISA
import ApusLiveText
import ApusProbe
import ApusTrampoline
import Glibc

/// Tests/MachineCode/traced.c for an architecture, and an image for it: a session's memory, and graph stubs for some of its
/// functions, as a recorder would have made them.
struct TracedProgram {
  /// How an architecture's code is made and run here.
  struct Machine: Sendable, CustomStringConvertible {
    var architecture: Architecture
    var compiler: String
    var emulator: String
    /// From a call site to what follows its slot.
    var slotBytes: UInt64
    var description: String { "\(architecture)" }
  }

  static let machines = [
    Machine(architecture: .x86_64, compiler: "gcc", emulator: "qemu-x86_64", slotBytes: 5),
    Machine(
      architecture: .arm64, compiler: "aarch64-linux-gnu-gcc", emulator: "qemu-aarch64", slotBytes: 4),
    Machine(
      architecture: .ppc64le, compiler: "powerpc64le-linux-gnu-gcc -mcpu=power8",
      emulator: "qemu-ppc64le -cpu POWER8", slotBytes: 4),
  ]

  let machine: Machine
  let scratch: Scratch
  private let threadPointer: UInt64
  private let sites: [(name: String, slot: Address)]

  private static let contexts: Address = 0x2000_0020_0000
  private static let chunkBits: UInt8 = 6
  private static let bufferBytes: UInt64 = 1 << 16
  private static let arena = AddressRange(0x200_0000, 0x210_0000)

  /// Builds the program, whose text is at 16 MiB, and asks it for its thread pointer.
  init(_ machine: Machine, functions: [String]) throws {
    self.machine = machine
    scratch = try Scratch()
    let source = #filePath.split(separator: "/").dropLast(2).joined(separator: "/") + "/MachineCode/traced.c"
    let options = "-O2 -g -static -no-pie -Wl,-Ttext-segment=0x1000000"
    try shell("\(machine.compiler) \(options) '/\(source)' -o '\(scratch.path)/traced'")
    let pointer = try shell("\(machine.emulator) '\(scratch.path)/traced'").filter(\.isHexDigit)
    threadPointer = UInt64(pointer, radix: 16) ?? 0
    var sites: [(name: String, slot: Address)] = []
    for line in try shell("nm '\(scratch.path)/traced'").split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count == 3, words[2].hasSuffix("_site"), let slot = UInt64(words[0], radix: 16) else {
        continue
      }
      let name = String(words[2].dropLast("_site".count))
      if functions.contains(name) { sites.append((name, slot)) }
    }
    self.sites = sites
    guard threadPointer != 0, sites.count == functions.count else {
      throw ShellError(description: "no thread pointer, or no call sites: \(sites)")
    }
  }

  /// The words of the image, and the symbol file's bytes.
  func image() throws -> (words: [UInt64], symbols: [UInt8]) {
    let environment = environment
    let lowering = Lowering(machine.architecture)
    let symbols = TrampolineSymbols(machine.architecture, environment)
    var code: [UInt8] = []
    var routines: [ProbeSymbol: Address] = [:]
    var placed: [(blob: CodeBlob, program: ProbeProgram, address: Address, body: Address, name: String)] = []
    func place(_ program: ProbeProgram, body: Address, name: String, at wanted: Address) throws -> Address {
      try program.check()
      let blob = try lowering.lower(program)
      placed.append((blob, program, wanted, body, name))
      return wanted + UInt64(blob.bytes.count)
    }
    var next = try place(.slowReturn(), body: 0, name: "slowReturn", at: environment.slowReturn)
    for routine in Routine.allCases {
      next = (next + 63) & ~63
      routines[routine.symbol] = next
      next = try place(routine.program(environment), body: 0, name: routine.rawValue, at: next)
    }
    let states = SiteStates(machine.architecture)
    var patches: [UInt64] = []
    for (index, site) in sites.enumerated() {
      let (residue, modulus) = states.stubPlacement(slot: site.slot)
      let stub = next + ((residue &- next) & (modulus - 1))
      let body = site.slot + machine.slotBytes
      let program = ProbeProgram.graphStub(
        function: .one(UInt32(index + 1)), options: StubOptions(), environment: environment)
      next = try place(program, body: body, name: site.name, at: stub)
      guard let prepared = states.prepared(slot: site.slot, stub: stub),
        let enabling = states.enabling(slot: site.slot, stub: stub)
      else { throw ShellError(description: "the stub of \(site.name) is not reached") }
      let slot = enabling + prepared.dropFirst(enabling.count)
      patches += [site.slot, UInt64(slot.count)] + Self.words(slot)
    }
    for item in placed {
      symbols.add(item.blob, of: item.program, at: item.address, name: item.name)
      code += [UInt8](repeating: 0, count: Int(item.address - Self.arena.start) - code.count)
      code += try item.blob.placed(at: item.address, body: item.body) { routines[$0] }
    }
    let words = Self.words(code)
    let region = [Self.contexts, mirrorEnd - Self.contexts, 0, 0]
    let stores = contents
    return (
      [2] + region + [Self.arena.start, Self.arena.count, 1, UInt64(words.count)] + words
        + [UInt64(stores.count)] + stores.flatMap { [$0.address, $0.value] } + [UInt64(sites.count)]
        + patches,
      symbols.file(arenas: [Self.arena])
    )
  }

  private static func words(_ bytes: [UInt8]) -> [UInt64] {
    let padded = bytes + [UInt8](repeating: 0, count: -bytes.count & 7)
    return stride(from: 0, to: padded.count, by: 8).map { start in
      padded[start..<start + 8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    }
  }

  // Where everything is: contexts, cursors, control, progress, counts, the buffer, the chunk table, the mirror.
  private var tableBytes: UInt64 { UInt64(ThreadContext.count * ThreadContext.stride) }
  private var control: Address { Self.contexts + UInt64(ThreadContext.privateBytes) }
  private var counts: Address { control + UInt64(SharedControl.size) + tableBytes }
  private var buffer: Address { counts + 4096 }
  private var chunkTable: Address { buffer + Self.bufferBytes }
  private var slots: UInt64 { 1 << UInt64(Self.chunkBits) + UInt64(StackChunk.probeLimit) }
  private var mirror: Address { chunkTable + 1 << 20 }
  private var mirrorEnd: Address { mirror + slots << UInt64(StackChunk.mirrorShift) }

  private var environment: ProbeEnvironment {
    ProbeEnvironment(
      contexts: Self.contexts, chunkTable: chunkTable, chunkBits: Self.chunkBits, mirror: mirror,
      control: control, lostCalls: counts, sharedCounts: counts, slowReturn: Self.arena.start + 64,
      arena: Self.arena, isTimed: true, waitsForRoom: false,
      registers: RegisterRecord(RegisterFileLayout(machine.architecture)))
  }

  /// The words that a recorder writes for a thread, and for the session.
  private var contents: [(address: Address, value: UInt64)] {
    let context =
      Self.contexts + UInt64(ThreadContext.home(of: threadPointer) * ThreadContext.stride)
    let end = buffer + Self.bufferBytes
    let words: [(Int32, UInt64)] = [
      (ThreadContext.threadPointer, threadPointer), (ThreadContext.limit, end - 8),
      (ThreadContext.bufferBase, buffer), (ThreadContext.bufferEnd, end),
      (ThreadContext.capacity, Self.bufferBytes), (ThreadContext.session, 1),
      (ThreadContext.position, buffer), (ThreadContext.consumed, buffer),
    ]
    return words.map { (context + UInt64($0.0), $0.1) } + [
      (control + UInt64(SharedControl.owner), 1), (control + UInt64(SharedControl.arenaCount), 1),
      (control + UInt64(SharedControl.arenas), Self.arena.start),
      (control + UInt64(SharedControl.arenas) + 8, Self.arena.count),
    ]
  }
}
