internal import ApusCore
internal import ApusELF
internal import ApusISA
internal import ApusLiveText
internal import ApusProbe
internal import ApusProcess
internal import ApusSystem
internal import Logging

extension RecordSession {
  /// What the call sites and hooks of a module lead to.
  struct TrampolineArea {
    var module: FoundModule
    /// Trampolines in reach of all of its text; nil: there is no room for them, and each part of the text has its own.
    var whole: TrampolineWriter?
  }

  /// What is known of a module whose text is not reached from one place.
  struct UnreachedText {
    /// Why not.
    var reason: LiveTextError
    /// The parts of the text that nothing reaches, by number.
    var parts: Set<UInt64> = []
  }

  /// Why a site is refused that no trampoline would reach.
  static let outOfReach = "out-of-reach"
  /// log2 of the bytes of a part of a text.
  private static let partShift: UInt64 = 20
  /// As much as a stub takes, and what all stubs of an arena share.
  private static let (stubBytes, sharedBytes): (UInt64, UInt64) = (1280, 64 << 10)
  /// A multiple of it is one of every page size.
  private static let unit: UInt64 = 64 << 10

  /// The area of a module: an arena in reach of all of its text with room for all of its sites, a new one if there is none.
  func area(for module: FoundModule) throws(RecordError) -> TrampolineArea {
    let instance = LoadedInstance(path: module.image.path, bias: module.image.bias)
    if unreached[instance] != nil { return TrampolineArea(module: module) }
    do throws(RecordError) {
      return TrampolineArea(module: module, whole: try arena(for: module, caller: try caller()))
    } catch .liveText(.noGap(let near, let bytes)) {
      unreached[instance] = UnreachedText(reason: .noGap(near: near, bytes: bytes))
      return TrampolineArea(module: module)
    } catch { throw error }
  }

  /// Makes the first arena, which has the gate for all remote calls to come: in reach of all of one module's text, or else of
  /// one call site. Throws if no call site has room for trampolines in its reach.
  func makeFirstArena(_ modules: [FoundModule], caller: RemoteCaller) throws(RecordError) {
    var failure: RecordError?
    for module in modules {
      do throws(RecordError) {
        _ = try arena(for: module, caller: caller)
        return
      } catch .liveText(.noGap(let near, let bytes)) {
        failure = failure ?? .liveText(.noGap(near: near, bytes: bytes))
      } catch { throw error }
    }
    for module in modules {
      let parts = Set(module.sites.sites.map { module.image.live($0.slot) >> Self.partShift })
      for part in parts.sorted() {
        do throws(RecordError) {
          _ = try arena(near: Self.range(ofPart: part), room: Self.sharedBytes, caller: caller)
          return
        } catch .liveText(.noGap) { continue } catch { throw error }
      }
    }
    if let failure { throw failure }
  }

  /// The addresses of a part of a text. (The body of its last site may begin behind its end: the reach has room for that.)
  private static func range(ofPart part: UInt64) -> AddressRange {
    AddressRange(part << partShift, (part + 1) << partShift)
  }

  /// An arena in reach of all of a module's text. Throws ``LiveTextError/noGap(near:bytes:)`` if no place there has room.
  private func arena(for module: FoundModule, caller: RemoteCaller) throws(RecordError) -> TrampolineWriter {
    try arena(
      near: module.image.text,
      room: UInt64(module.sites.sites.count) * Self.stubBytes + Self.sharedBytes, caller: caller)
  }

  /// The trampolines for a call site or a hook; nil if there is no room for any within branch range.
  func trampolines(at place: Address, in area: TrampolineArea) throws(RecordError) -> TrampolineWriter? {
    if let whole = area.whole { return whole }
    let instance = LoadedInstance(path: area.module.image.path, bias: area.module.image.bias)
    let part = place >> Self.partShift
    guard let known = unreached[instance], !known.parts.contains(part) else { return nil }
    do throws(RecordError) {
      return try arena(near: Self.range(ofPart: part), room: Self.sharedBytes, caller: try caller())
    } catch .liveText(.noGap) {
      unreached[instance]?.parts.insert(part)
      return nil
    } catch { throw error }
  }

  /// Says that sites of a module are not reached, and why.
  func noteUnreached(_ area: TrampolineArea, _ count: Int) {
    let image = area.module.image
    guard count > 0, let known = unreached[LoadedInstance(path: image.path, bias: image.bias)] else { return }
    note("\(image.path): \(known.reason): \(count) of its call sites are not recorded")
  }

  /// Trampolines in reach of all of `text` with `room` bytes left: those that are there, or new ones, with room to spare if
  /// there is a gap for that.
  private func arena(
    near text: AddressRange, room: UInt64, caller: RemoteCaller
  ) throws(RecordError) -> TrampolineWriter {
    let near = trampolines.first { $0.arena.reaches(text) && $0.arena.room >= room }
    if let near { return near }
    let needed = (room + Self.unit - 1) & ~(Self.unit - 1)
    do throws(RecordError) {
      return try makeArena(near: text, bytes: max(needed * 2, 2 << 20), caller: caller)
    } catch .liveText(.noGap) {
      return try makeArena(near: text, bytes: needed + Self.unit, caller: caller)
    } catch { throw error }
  }

  private func makeArena(
    near text: AddressRange, bytes: UInt64, caller: RemoteCaller
  ) throws(RecordError) -> TrampolineWriter {
    let memory = try sessionMemory()
    let process = process
    let gap = try gaps()
    let made = try lifting { () throws(LiveTextError) in
      let arena = try Arena(
        near: text, bytes: bytes, states: states, in: caller, sharing: system.sharing(with: process), gap: gap
      )
      try memory.add(arena)
      return try TrampolineWriter(
        arena, states: states, architecture: tracer.architecture, gateCode: tracer.gateCode,
        symbols: symbols
      ) {
        var environment = memory.environment(
          slowReturn: $0, arena: $1, isTimed: options.isTimed, waitsForRoom: options.onFull == .wait,
          depthLimit: options.level == .graph ? options.depth : nil,
          minimumTicks: options.level == .graph ? Int32(clamping: minimumTicks) : 0)
        environment.registers = RegisterRecord(RegisterFileLayout(tracer.architecture))
        environment.trapsForLoader = system.stopsItself
        environment.trapsForRoom = copiesRings
        // A server that stops one thread only is confused by a second one's stop.
        environment.trapsForThreads = !tracer.capabilities.tellsThreads && tracer.capabilities.isAllStop
        environment.putsBack = tracer.architecture.unwindingHooks.contains(.disarm)
        return environment
      }
    }
    for fault in made.faults { faults[fault.access] = fault.recovery }
    trampolines.append(made)
    logger.debug("an arena at 0x\(String(made.arena.range.start, radix: 16)), \(bytes >> 10) KiB")
    return made
  }
}
