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
  /// A module that was not there before.
  struct FoundModule {
    var image: ModuleImage
    var sites: CallSites
    /// Whether its functions are to be recorded, not only its hooks to be set.
    var isChosen: Bool
  }

  /// The modules that have been mapped since the last time.
  func readModules() throws(RecordError) -> [FoundModule] {
    let thread = stoppedThread ?? mainThread
    let mappings = try system.mappings(of: process, on: thread)
    var seen: Set<LoadedInstance> = []
    var found: [FoundModule] = []
    for module in ModuleImage.mapped(mappings) {
      do {
        for image in try system.instances(of: module, in: process, on: thread) {
          let instance = LoadedInstance(path: image.path, bias: image.bias)
          seen.insert(instance)
          if loaded.contains(instance) { continue }
          found.append(
            FoundModule(
              image: image, sites: try CallSites(image.image), isChosen: chooser.includes(module: module.path)
            ))
        }
      } catch {
        note("\(error): its functions are not recorded")
      }
    }
    // What stands now where an unloaded module's sites were is not ours to write.
    for gone in loaded.subtracting(seen) {
      enabled[gone] = nil
      unreached[gone] = nil
    }
    loaded = seen
    return found
  }

  /// Refuses a program in which nothing can be recorded.
  func requireSites(_ found: [FoundModule]) throws(RecordError) {
    let usable = found.reduce(0) { $0 + ($1.isChosen ? $1.sites.usableCount : 0) }
    guard usable == 0 else { return }
    guard let program = found.first else { throw .process(.gone(thread: process)) }
    // Libraries that are opened later may have what is asked for by name.
    if !options.modules.isEmpty { return }
    do throws(NoCallSites) {
      try program.sites.requireUsable(in: program.image.path)
    } catch { throw .noCallSites(error) }
    throw .nothingChosen(sites: found.reduce(0) { $0 + $1.sites.usableCount })
  }

  /// Refuses a program whose exceptions would find no way through recorded frames.
  func requireUnwinding(_ found: [FoundModule]) throws(RecordError) {
    guard options.level == .graph, let other = otherUnwinder(in: found) else { return }
    for module in found where isThrowing(module) {
      throw .process(
        .refused(
          process: process,
          why: "\(module.image.path) brings C++ or Rust exceptions, which cannot pass recorded frames with "
            + "the unwinder of \(other.image.path) on \(tracer.architecture): use --level entry"))
    }
  }

  /// A module whose unwinder does not find its way through recorded frames.
  private func otherUnwinder(in found: [FoundModule]) -> FoundModule? {
    found.first { module in
      let name = module.image.path
      if unpassable.contains(name) { return true }
      do throws(ELFError) { return try HookSite.hasOtherUnwinder(module.image.image) } catch {
        note("\(name): \(error)")
        return false
      }
    }
  }

  private func isThrowing(_ module: FoundModule) -> Bool {
    do throws(ELFError) { return try HookSite.throwsExceptions(module.image.image) } catch {
      note("\(module.image.path): \(error)")
      return false
    }
  }

  /// Says of which modules, opened at run time, exceptions cannot be followed.
  func noteUnwinding(_ found: [FoundModule]) {
    guard options.level == .graph, let other = otherUnwinder(in: found) else { return }
    note(
      "\(other.image.path) was opened, whose unwinder finds no way through recorded frames: an exception that is thrown "
        + "through them by it ends the program")
  }

  /// Enables the chosen sites and sets the hooks of modules of which no code is running.
  func install(_ found: [FoundModule]) throws(RecordError) {
    for module in found {
      let caller = try caller()
      let hasSites = module.isChosen && !module.sites.sites.isEmpty
      let hooks = try hooks(of: module)
      if hooks.isEmpty, !hasSites { continue }
      try system.writingText(of: module.image, by: caller) { () throws(RecordError) in
        try install(hooks, of: module)
        if hasSites { try installSites(module) }
      }
    }
    if !found.isEmpty { try writeSymbols() }
  }

  /// Where remote calls are made, once there is an arena.
  var gate: RemoteCallGate? { system.gate ?? trampolines.first?.gate }

  func caller() throws(RecordError) -> RemoteCaller {
    guard let gate else { throw .process(.gone(thread: mainThread)) }
    return RemoteCaller(tracer, thread: stoppedThread ?? mainThread, gate: gate)
  }

  private func hooks(of module: FoundModule) throws(RecordError) -> [HookSite] {
    var purposes: Set<HookSite.Purpose> = [.loader, .lock]
    if copiesRings { purposes.formUnion([.end, .exec]) }
    if options.level == .graph {
      purposes.insert(.giveBack)
      purposes.formUnion(tracer.architecture.unwindingHooks)
    }
    do throws(ELFError) { return try HookSite.find(in: module.image.image, purposes: purposes) } catch {
      note("\(module.image.path): \(error)")
      return []
    }
  }

  /// Sets the hooks of a module. A hook that cannot be set is noted; what depends on it is said there.
  private func install(_ found: [HookSite], of module: FoundModule) throws(RecordError) {
    var hooks = found
    guard !hooks.isEmpty else { return }
    let displacer: CodeDisplacer
    do throws(DisplacementError) { displacer = try CodeDisplacer(states) } catch {
      note("\(error): exceptions through recorded functions are not safe")
      return
    }
    for hook in hooks where hook.purpose == .disarm && HookSite.walkers.contains(hook.name) {
      let returns = displacer.returnSites(hook.code, at: hook.address) ?? []
      hooks += returns.map {
        HookSite(purpose: .arm, name: hook.name, address: $0.address, code: $0.code)
      }
    }
    let area = try area(for: module)
    let target = try lifting { () throws(TraceError) in try tracer.memory(of: process) }
    for hook in hooks {
      let address = module.image.live(hook.address)
      guard let trampolines = try trampolines(at: address, in: area) else {
        hookFailures.append(
          "\(hook.name) (\(hook.purpose.rawValue)) in \(module.image.path): no room for trampolines within branch range"
        )
        continue
      }
      guard let program = hook.program(trampolines.environment, tracer.architecture) else { continue }
      let there = try lifting { () throws(ApusProcess.MemoryError) in
        try target.read(address, count: hook.code.count)
      }
      let known = trampolines.faults.count
      let made: [UInt8]
      do throws(DisplacementError) {
        made = try trampolines.displace(
          program, prologue: hook.prologue(tracer.architecture), code: there, at: address,
          displacer: displacer)
      } catch {
        if hook.purpose == .lookUp { unpassable.insert(module.image.path) }
        hookFailures.append("\(hook.name) (\(hook.purpose.rawValue)) in \(module.image.path): \(error)")
        continue
      }
      for fault in trampolines.faults.dropFirst(known) { faults[fault.access] = fault.recovery }
      try lifting { () throws(ApusProcess.MemoryError) in try target.write(made, at: address) }
    }
  }
}
