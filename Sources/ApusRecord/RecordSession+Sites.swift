internal import ApusCore
internal import ApusELF
internal import ApusISA
internal import ApusLiveText
internal import ApusProbe
internal import ApusProcess
internal import ApusSystem
internal import ApusTraceFile
internal import Logging

extension RecordSession {
  /// Makes the stubs of a module's chosen functions and enables their sites.
  func installSites(_ module: FoundModule) throws(RecordError) {
    let area = try area(for: module)
    let target = try lifting { () throws(TraceError) in try tracer.memory(of: process) }
    moduleCount += 1
    let key = moduleCount
    let image = module.image
    var records: [FunctionRecord] = []
    func refuse(_ reason: String, _ function: FunctionSymbol) {
      sites.refused.append(.init(reason: reason, function: function.name, module: image.path))
    }
    let mode: SiteModes =
      switch options.level {
      case .count: .count
      case .entry: .entry
      case .graph: .graph
      }
    var sharing = 0
    let capacity = try sessionMemory().layout.functionCapacity
    var slots = PagedMemory(target)
    for site in module.sites.sites {
      let function = module.sites.functions[site.function]
      sites.found += 1
      usableSites += 1
      guard let choice = chooser.choice(function.names) else { continue }
      let recordsRegisters = options.level != .count && chooser.recordsRegisters(function.names)
      guard site.modes.contains(mode), !recordsRegisters || site.modes.contains(.regs) else {
        refuse(site.refusal?.key ?? "mode", function)
        continue
      }
      guard Int(functionCount) + 1 < capacity, functionCount + 1 < 1 << 24 else {
        refuse("too-many-functions", function)
        continue
      }
      let slot = image.live(site.slot)
      let original = Array(site.slotContents.prefix(states.slotBytes))
      let there = try lifting { () throws(ApusProcess.MemoryError) in
        try slots.read(slot, count: original.count)
      }
      guard there == original, original.count == states.slotBytes else {
        refuse("bytes-differ", function)
        continue
      }
      guard let trampolines = try trampolines(at: slot, in: area) else {
        refuse(Self.outOfReach, function)
        continue
      }
      let id = functionCount + 1
      let place: Address?
      if !recordsRegisters, let shared = try sharedSite(site, function, module, target) {
        place = try enable(shared, id, choice, trampolines, target)
        sharing += place == nil ? 0 : 1
      } else {
        let body = slot + UInt64(site.slotBytes)
        place = try enable(slot, &slots) { placement throws(LiveTextError) in
          if recordsRegisters {
            return try trampolines.stub(
              program(.one(id), choice, site: slot, trampolines.environment), body: body, name: function.name,
              residue: placement.residue, modulus: placement.modulus)
          }
          return try trampolines.stub(
            .init(program: "\(options.level)", options: stubOptions(choice)), function: id, body: body,
            name: function.name, residue: placement.residue, modulus: placement.modulus
          ) { program(.one($0), choice, site: nil, trampolines.environment) }
        }
      }
      guard let place else {
        refuse(Self.outOfReach, function)
        continue
      }
      functionCount = id
      if choice == .root { rootCount += 1 }
      enabled[LoadedInstance(path: image.path, bias: image.bias), default: []].append(place)
      sites.enabled += 1
      if recordsRegisters { sites.registers += 1 }
      records.append(
        FunctionRecord(
          id: id, module: key, address: function.address, size: function.size, name: function.name))
    }
    noteUnreached(area, sites.refused.count { $0.module == image.path && $0.reason == Self.outOfReach })
    let buildID: [UInt8]
    do throws(ELFError) { buildID = try image.image.buildID() ?? [] } catch { buildID = [] }
    let record = ModuleRecord(
      key: key, process: Self.processKey, path: image.path,
      buildID: buildID.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(), bias: image.bias)
    worker?.send(.modules([record]))
    worker?.send(.functions(records))
    if recordsAnything { worker?.send(.replace) }
    logger.debug("\(image.path): \(records.count) sites enabled, \(sharing) of them with a shared stub")
  }

  /// Makes a function's stub and enables its site; where a nop disables it again, or nil if the stub is out of reach.
  private func enable(
    _ slot: Address, _ memory: inout PagedMemory,
    _ stub: (_ placement: (residue: UInt64, modulus: UInt64)) throws(LiveTextError) -> Address
  ) throws(RecordError) -> Address? {
    let placement = states.stubPlacement(slot: slot)
    let stub = try lifting { () throws(LiveTextError) in try stub(placement) }
    guard let prepared = states.prepared(slot: slot, stub: stub),
      let enabling = states.enabling(slot: slot, stub: stub)
    else { return nil }
    // Nobody can run there yet: straight to enabled. What lies in two pages may be written half, if we or the memory come to an
    // end in between; so first what is harmless then.
    let isWhole = PagedMemory.isInOnePage(slot, count: prepared.count)
    try lifting { () throws(ApusProcess.MemoryError) in
      if !isWhole { try memory.write(prepared, at: slot) }
      try memory.write(isWhole ? enabling + prepared.dropFirst(enabling.count) : enabling, at: slot)
    }
    return slot
  }

  /// Whether any function has been chosen; without one that is a root, the others are not recorded either.
  var recordsAnything: Bool {
    functionCount > 0 && (rootCount > 0 || options.roots.isEmpty || !options.functions.isEmpty)
  }

  /// - Parameter site: the call site's address, if registers are recorded.
  private func program(
    _ function: StubFunction, _ choice: FunctionChooser.Choice, site: Address?,
    _ environment: ProbeEnvironment
  ) -> ProbeProgram {
    switch (options.level, site, function) {
    case (.count, _, _): .countStub(function: function, environment: environment)
    case (.entry, let site?, .one(let id)):
      .entryRegistersStub(function: id, site: site, environment: environment)
    case (.entry, _, _): .entryStub(function: function, environment: environment)
    case (.graph, let site?, .one(let id)):
      .graphRegistersStub(
        function: id, site: site, options: stubOptions(choice), environment: environment)
    case (.graph, _, _):
      .graphStub(function: function, options: stubOptions(choice), environment: environment)
    }
  }

  private func stubOptions(_ choice: FunctionChooser.Choice) -> StubOptions {
    var stub = StubOptions()
    if options.level == .graph, !options.roots.isEmpty {
      stub.root =
        switch choice {
        case .everywhere: .everywhere
        case .root: .root
        case .inside: .inside
        }
    }
    return stub
  }

  /// A call site as one that leads to a shared stub; nil if it is to have its own, or must.
  private func sharedSite(
    _ site: CallSite, _ function: FunctionSymbol, _ module: FoundModule, _ target: ProcessMemory
  ) throws(RecordError) -> SharedSite? {
    guard options.sharesStubs else { return nil }
    // The stub reads the pointer to the ops there.
    let text = module.image.image.segments.first { $0.isLoaded && $0.addresses.contains(site.slot) }
    guard text?.isReadable == true else { return nil }
    let code: [UInt8]
    do throws(ELFError) {
      code = try module.image.image.bytes(at: function.address, upTo: function.size)
    } catch {
      logger.debug("\(function.name): \(error): it has its own stub")
      return nil
    }
    let image = module.image
    guard
      let shared = SharedSite(
        tracer.architecture, slot: image.live(site.slot), nops: site.slotContents.count,
        entry: image.live(site.entry), bytesBefore: site.bytesBefore, code: code,
        function: image.live(function.address))
    else { return nil }
    // As in the file: nops.
    let nops = states.disabling
    let there = try lifting { () throws(ApusProcess.MemoryError) in
      try target.read(shared.pointer, count: 8) + target.read(shared.slot, count: shared.slotBytes)
    }
    return there == Array((0..<there.count / nops.count).map { _ in nops }.joined()) ? shared : nil
  }

  /// Leads a site to a shared stub: first what that finds, then the slot; where a nop disables it again, or nil if the stub is out
  /// of reach.
  private func enable(
    _ site: SharedSite, _ id: UInt32, _ choice: FunctionChooser.Choice, _ trampolines: TrampolineWriter,
    _ target: ProcessMemory
  ) throws(RecordError) -> Address? {
    let options = stubOptions(choice)
    let (stub, ops) = try lifting { () throws(LiveTextError) in
      let stub = try trampolines.sharedStub(.init(opsDistance: site.opsDistance, options: options)) {
        program(.many(opsDistance: site.opsDistance), choice, site: nil, trampolines.environment)
      }
      return (stub, try trampolines.ops(function: id))
    }
    guard let writes = site.writes(stub: stub) else { return nil }
    let pointer = (0..<8).map { UInt8(truncatingIfNeeded: ops >> (8 * UInt64($0))) }
    try lifting { () throws(ApusProcess.MemoryError) in
      try target.write(pointer, at: site.pointer)
      try target.write(writes.prepared, at: site.slot)
      try target.write(writes.enabling, at: site.branch)
    }
    return site.branch
  }
}
