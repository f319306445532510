internal import ApusCore
package import ApusProbe
package import ApusSystem

/// The control page where there is a view of it, for any thread.
package struct ControlView: Sendable {
  private let memory: MappedMemory

  /// Of a view of a session's region.
  package init(_ memory: MappedMemory) { self.memory = memory }

  private func load(_ offset: Int32) -> UInt64 {
    do { return try memory.load(at: Int(offset)) } catch { preconditionFailure("\(error)") }
  }

  private func store(_ value: UInt64, _ offset: Int32) {
    do { try memory.store(value, at: Int(offset)) } catch { preconditionFailure("\(error)") }
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
}

/// Access to the control page and the tables. All offsets are in the region, and aligned.
extension SessionMemory {
  /// The control page, if there is a view of it.
  package var control: ControlView? { mapping.view.map { ControlView($0) } }

  /// Nobody waits for room from here on.
  package func giveUp() throws(LiveTextError) { try mapping.store(1, Int(SharedControl.gaveUp)) }
  /// How long a writer waits before it gives up, in ticks.
  package func setPatience(_ ticks: UInt64) throws(LiveTextError) {
    try mapping.store(ticks, Int(SharedControl.patience))
  }
  /// What a slow path has counted.
  package func counter(_ counter: SharedControl.Counter) throws(LiveTextError) -> UInt64 {
    try mapping.load(Int(counter.offset))
  }

  /// Tells trampolines of an arena: its range first, then the number of arenas.
  package func add(_ arena: Arena) throws(LiveTextError) {
    let count = try mapping.load(Int(SharedControl.arenaCount))
    guard count < UInt64(SharedControl.arenaLimit) else {
      throw .tooManyArenas(limit: SharedControl.arenaLimit)
    }
    let place = Int(SharedControl.arenas) + Int(16 * count)
    try mapping.store(arena.range.start, place)
    try mapping.store(arena.range.count, place + 8)
    try mapping.store(count + 1, Int(SharedControl.arenaCount))
  }

  /// Makes the owner word say that the session goes on. With a view the calling thread holds a lock there, and the kernel marks it
  /// when the thread dies; without one the word stays as it is.
  package func own() throws(LiveTextError) {
    guard let view = mapping.view else { return try mapping.store(1, Int(SharedControl.owner)) }
    do throws(SystemError) { _ = try RobustLock.lock(in: view, at: Int(SharedControl.owner)) } catch {
      throw .system(error)
    }
  }

  /// The first words of one of the region's tables.
  package func words(_ table: Int, _ count: Int) throws(LiveTextError) -> [UInt64] {
    try mapping.words(at: table, count: count)
  }
  /// A word of one of the region's tables.
  package func word(_ table: Int, _ index: Int) throws(LiveTextError) -> UInt64 {
    try mapping.load(table + 8 * index)
  }
  /// Sets a word of one of the region's tables.
  package func setWord(_ table: Int, _ index: Int, _ value: UInt64) throws(LiveTextError) {
    try mapping.store(value, table + 8 * index)
  }
}
