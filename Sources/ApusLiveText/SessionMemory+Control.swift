internal import ApusCore
package import ApusProbe
package import ApusSystem

/// Access to the control page. All offsets are in the region, and aligned.
extension SessionMemory {
  private func load(_ offset: Int32) -> UInt64 { load(Int(offset)) }

  private func load(_ offset: Int) -> UInt64 {
    do { return try shared.load(at: offset) } catch { preconditionFailure("\(error)") }
  }

  private func store(_ value: UInt64, _ offset: Int32) { store(value, Int(offset)) }

  private func store(_ value: UInt64, _ offset: Int) {
    do { try shared.store(value, at: offset) } catch { preconditionFailure("\(error)") }
  }

  /// How often the loader has asked.
  package var loaderRequests: UInt64 { load(SharedControl.loaderRequests) }
  /// How often it was answered.
  package var loaderAnswers: UInt64 { load(SharedControl.loaderAnswers) }
  /// Answers everything up to `request`.
  package func answerLoader(_ request: UInt64) { store(request, SharedControl.loaderAnswers) }
  /// Nobody waits for room from here on.
  package func giveUp() { store(1, SharedControl.gaveUp) }
  /// Whoever gave up may wait again.
  package func allowWaiting() { if load(SharedControl.gaveUp) != 0 { store(0, SharedControl.gaveUp) } }
  /// How long a writer waits before it gives up, in ticks.
  package func setPatience(_ ticks: UInt64) { store(ticks, SharedControl.patience) }
  /// What a slow path has counted.
  package func counter(_ counter: SharedControl.Counter) -> UInt64 { load(counter.offset) }

  /// Tells trampolines of an arena: its range first, then the number of arenas.
  package func add(_ arena: Arena) throws(LiveTextError) {
    let count = load(SharedControl.arenaCount)
    guard count < UInt64(SharedControl.arenaLimit) else {
      throw .tooManyArenas(limit: SharedControl.arenaLimit)
    }
    let place = SharedControl.arenas + Int32(16 * count)
    store(arena.range.start, place)
    store(arena.range.count, place + 8)
    store(count + 1, SharedControl.arenaCount)
  }

  /// Locks the owner word in the calling thread: the kernel marks it when the thread dies.
  package func own() throws(LiveTextError) -> RobustLock {
    do throws(SystemError) { return try RobustLock.lock(in: shared, at: Int(SharedControl.owner)) } catch {
      throw .system(error)
    }
  }

  /// A word of one of the region's tables.
  package func word(_ table: Int, _ index: Int) -> UInt64 { load(table + 8 * index) }
  /// Sets a word of one of the region's tables.
  package func setWord(_ table: Int, _ index: Int, _ value: UInt64) { store(value, table + 8 * index) }
}
