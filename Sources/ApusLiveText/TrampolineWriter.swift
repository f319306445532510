package import ApusCore
package import ApusProbe
package import ApusProcess
package import ApusTrampoline

/// Where the tracer continues a thread whose access faulted.
package struct FaultRecovery: Sendable, Hashable {
  package var access: Address
  package var recovery: Address
}

/// An instruction that stops a thread for the tracer.
package struct SessionTrap: Sendable, Hashable {
  /// The instruction. Where the thread stands at its stop, before or behind it, depends on the architecture and the server; it goes
  /// on behind.
  package var range: AddressRange
  package var reason: ProbeTrap

  /// Whether a thread that stopped here may have met this trap.
  package func explains(stopAt programCounter: Address) -> Bool {
    programCounter == range.start || programCounter == range.end
  }
}

/// Generates one arena's code: the gate, the slow return, the routines, then stubs as they are wanted.
package final class TrampolineWriter {
  package let arena: Arena
  /// Where system calls are made from.
  package let gate: RemoteCallGate
  package let environment: ProbeEnvironment
  /// The accesses that may fault, all of them.
  package private(set) var faults: [FaultRecovery] = []
  /// Where threads stop for the tracer.
  package private(set) var traps: [SessionTrap] = []
  /// The restartable code, in order of addresses. A thread that stands behind a range's first byte and in it, and gets a
  /// signal, must go on at the first byte.
  package private(set) var restartable: [AddressRange] = []
  /// The committed stores, in order of addresses, with where they stand. They are made for a thread that gets a signal before
  /// one of them or in it, up to the first place where none follows.
  package private(set) var committed: [(range: AddressRange, store: CodeBlob.CommittedStore)] = []
  private let lowering: Lowering
  private let states: SiteStates
  private let symbols: TrampolineSymbols?
  private var routines: [ProbeSymbol: Address] = [:]
  /// How the stubs of single functions are made quickly; nil: each is lowered.
  private var templates: [StubKind: Template?] = [:]
  /// The stubs that functions share, by what they are.
  private var sharedStubs: [SharedStub: Address] = [:]

  /// What stubs have in common that differ by their functions' numbers only.
  package struct StubKind: Sendable, Hashable {
    /// What tells apart the programs that are made.
    package var program: String
    package var options: StubOptions

    package init(program: String, options: StubOptions) {
      self.program = program
      self.options = options
    }
  }

  private struct Template {
    var stub: StubTemplate
    /// As offsets in the code.
    var restartable: [Range<Int>]
  }

  /// What tells shared stubs of one session from each other.
  package struct SharedStub: Sendable, Hashable {
    package var opsDistance: Int
    package var options: StubOptions

    package init(opsDistance: Int, options: StubOptions) {
      self.opsDistance = opsDistance
      self.options = options
    }
  }

  /// Writes what all stubs share. `environment` makes the environment from the slow return's address and the arena. What is
  /// written is told to `symbols` too.
  package init(
    _ arena: Arena, states: SiteStates, architecture: Architecture, gateCode: [UInt8],
    symbols: TrampolineSymbols? = nil,
    environment: (_ slowReturn: Address, _ arena: AddressRange) -> ProbeEnvironment
  ) throws(LiveTextError) {
    self.arena = arena
    self.states = states
    self.symbols = symbols
    lowering = Lowering(architecture)
    let gateAddress = try arena.allocate(gateCode.count)
    try arena.write(gateCode, at: gateAddress)
    gate = RemoteCallGate(address: gateAddress)

    let slowReturn = try Self.lower(.slowReturn(), lowering)
    let slowAddress = try arena.allocate(slowReturn.bytes.count, modulus: 64)
    self.environment = environment(slowAddress, arena.range)
    var blobs: [(CodeBlob, ProbeProgram, Address)] = [(slowReturn, .slowReturn(), slowAddress)]
    for routine in Routine.allCases {
      let program = routine.program(self.environment)
      let blob = try Self.lower(program, lowering)
      let address = try arena.allocate(blob.bytes.count, modulus: 64)
      routines[routine.symbol] = address
      blobs.append((blob, program, address))
    }
    for (blob, program, address) in blobs {
      let restartable = Self.restartable(blob, program)
      try put(blob, restartable, of: program, at: address, body: 0, name: program.name)
    }
  }

  private static func lower(
    _ program: ProbeProgram, _ lowering: Lowering
  ) throws(LiveTextError) -> CodeBlob {
    try lifting { () throws(LoweringError) in try lowering.lower(program) }
  }

  /// A program's restartable ranges as offsets in its code, in the program's order.
  private static func restartable(_ blob: CodeBlob, _ program: ProbeProgram) -> [Range<Int>] {
    program.instructions.compactMap { instruction in
      guard case .restartable(let begin, let end) = instruction,
        let begin = blob.offset(of: begin), let end = blob.offset(of: end)
      else { return nil }
      return begin..<end
    }
  }

  private func put(
    _ blob: CodeBlob, _ ranges: [Range<Int>], of program: ProbeProgram, at address: Address, body: Address,
    name: String
  ) throws(LiveTextError) {
    let bytes = try lifting { () throws(LoweringError) in
      try blob.placed(at: address, body: body) { routines[$0] }
    }
    try arena.write(bytes, at: address)
    symbols?.add(blob, of: program, at: address, name: name)
    for entry in blob.faultTable {
      faults.append(
        FaultRecovery(access: address + UInt64(entry.start), recovery: address + UInt64(entry.recovery)))
    }
    for trap in blob.traps {
      traps.append(
        SessionTrap(
          range: AddressRange(address + UInt64(trap.start), address + UInt64(trap.end)), reason: trap.reason))
    }
    for range in ranges {
      restartable.append(
        AddressRange(address + UInt64(range.lowerBound), address + UInt64(range.upperBound)))
    }
    for store in blob.committed {
      committed.append((AddressRange(address + UInt64(store.start), address + UInt64(store.end)), store))
    }
  }

  /// Generates a stub and gives its address, which is `residue` modulo `modulus`.
  ///
  /// - Parameter name: of the function that it is for, if it is for one.
  package func stub(
    _ program: ProbeProgram, body: Address, name: String? = nil, residue: UInt64 = 0, modulus: UInt64 = 16
  ) throws(LiveTextError) -> Address {
    let blob = try Self.lower(program, lowering)
    let address = try arena.allocate(blob.bytes.count, residue: residue, modulus: modulus)
    try put(
      blob, Self.restartable(blob, program), of: program, at: address, body: body, name: name ?? program.name)
    return address
  }

  /// Generates the stub of a function, as ``stub(_:body:name:residue:modulus:)`` does. The programs that `program` makes of
  /// functions' numbers for one kind must be the same but for these.
  package func stub(
    _ kind: StubKind, function: UInt32, body: Address, name: String, residue: UInt64, modulus: UInt64,
    program: (_ function: UInt32) -> ProbeProgram
  ) throws(LiveTextError) -> Address {
    guard let template = try template(kind, program),
      let blob = try lifting({ () throws(LoweringError) in try template.stub.blob(function: function) })
    else {
      return try stub(program(function), body: body, name: name, residue: residue, modulus: modulus)
    }
    let address = try arena.allocate(blob.bytes.count, residue: residue, modulus: modulus)
    try put(
      blob, template.restartable, of: template.stub.program, at: address, body: body, name: name)
    return address
  }

  private func template(
    _ kind: StubKind, _ program: (UInt32) -> ProbeProgram
  ) throws(LiveTextError) -> Template? {
    if let known = templates[kind] { return known }
    let stub = try lifting { () throws(LoweringError) in try StubTemplate(lowering, program) }
    let made = stub.map { Template(stub: $0, restartable: Self.restartable($0.blob, $0.program)) }
    templates.updateValue(made, forKey: kind)
    return made
  }

  /// The stub that functions share, made when it is first asked for.
  package func sharedStub(
    _ key: SharedStub, _ program: () -> ProbeProgram
  ) throws(LiveTextError) -> Address {
    if let known = sharedStubs[key] { return known }
    let program = program()
    let address = try stub(program, body: 0, name: "shared \(program.name)")
    sharedStubs[key] = address
    return address
  }

  /// Writes a call site's ops and gives their address.
  package func ops(function: UInt32) throws(LiveTextError) -> Address {
    let address = try arena.allocate(CallSiteOps.size, modulus: 8)
    let bytes = CallSiteOps.words(function: function).flatMap { word in
      (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * UInt64($0))) }
    }
    try arena.write(bytes, at: address)
    return address
  }

  /// Where a thread goes on that stands at `programCounter` when a signal is delivered to it; nil: where it stands.
  package func restart(at programCounter: Address) -> Address? {
    guard arena.range.contains(programCounter) else { return nil }
    let after = restartable.partitioningIndex { $0.start >= programCounter }
    guard after > 0, restartable[after - 1].contains(programCounter) else { return nil }
    return restartable[after - 1].start
  }

  /// The committed stores that a thread at `programCounter` has still to make, and where it stands after them; nil: none.
  package func commit(at programCounter: Address) -> (stores: [CodeBlob.CommittedStore], end: Address)? {
    guard arena.range.contains(programCounter) else { return nil }
    let first = committed.partitioningIndex { $0.range.end > programCounter }
    guard first < committed.count, committed[first].range.contains(programCounter) else { return nil }
    var stores: [CodeBlob.CommittedStore] = []
    var end = committed[first].range.start
    for (range, store) in committed[first...] {
      guard range.start == end else { break }
      stores.append(store)
      end = range.end
    }
    return (stores, end)
  }

  /// What is done before a signal is delivered to a stopped thread with these registers, so that its handler finds nothing half
  /// done: restartable instructions begin anew, committed stores are made. Says whether the registers have changed.
  package func settle(
    _ registers: inout RegisterFile, _ memory: ProcessMemory
  ) throws(ApusProcess.MemoryError) -> Bool {
    let place = registers.programCounter
    if let start = restart(at: place) {
      registers.programCounter = start
      return true
    }
    guard let (stores, end) = commit(at: place) else { return false }
    for store in stores {
      let value =
        switch store.value {
        case .register(let word): registers[word]
        case .constant(let constant): constant
        }
      let bytes = (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
      try memory.write(bytes, at: registers[store.base] &+ UInt64(bitPattern: Int64(store.displacement)))
    }
    registers.programCounter = end
    return true
  }

  /// Makes a stub that runs a program, then `prologue`, and then instructions that were moved from `code`, which stand at
  /// `address` in the process; gives what to write there.
  package func displace(
    _ program: ProbeProgram, prologue: [UInt8] = [], code: [UInt8], at address: Address,
    displacer: CodeDisplacer
  ) throws(DisplacementError) -> [UInt8] {
    let place = try lifted { () throws(LiveTextError) in
      try arena.allocate(prologue.count + CodeDisplacer.room)
    }
    let bytes = prologue + (try displacer.displaced(code, at: address, to: place + UInt64(prologue.count)))
    let stub = try lifted { () throws(LiveTextError) in
      try arena.write(bytes, at: place)
      return try self.stub(program, body: place)
    }
    guard let jump = states.jump(from: address, to: stub) else { throw .outOfReach }
    return jump
  }

  private func lifted<Value>(
    _ body: () throws(LiveTextError) -> Value
  ) throws(DisplacementError) -> Value {
    do throws(LiveTextError) { return try body() } catch { throw .liveText(error) }
  }
}
