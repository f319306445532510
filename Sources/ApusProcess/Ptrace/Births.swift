internal import ApusSystem

/// New tasks, from the first that is heard of them until they are told of.
///
/// The kernel says two things of a new task, in either order: its creator stops with its number, and it stops itself, for the first
/// time. The creator may be much later: it has started the task before it comes to its own stop.
/// 1. Of a task that has stopped and has no creator yet nothing is told: it is *held*, stopped as it is. Its creator is one of those
///    that run: between making a task and telling of it, nobody stops for anything else.
/// 2. A task whose creator has told of it is *announced* until it stops.
/// 3. With both, it is born.
/// 4. A creator that is killed before its stop (with its process, or by another thread's exec) never tells. Whoever is heard of otherwise,
///    or is gone, was not the creator, or will not tell; when nobody is left, the task is released: born with what /proc says of it. No sooner:
///    a task that is told of early runs, and may have ended before its creator's stop comes, which would then announce it for ever.
///    (A task that stops only after the exec that has ended its creator waits for the new program's next stop, which may be late.)
/// 5. A task that is killed before its first stop is taken as it is. What its creator says after its end is of no consequence.
struct Births {
  /// Who made a task.
  struct Announcement: Sendable, Hashable {
    var parent: ThreadID
    var process: ProcessID
    var birth: TraceEvent.Birth

    init(parent: ThreadID, process: ProcessID, birth: TraceEvent.Birth) {
      self.parent = parent
      self.process = process
      self.birth = birth
    }

    /// Of a task that was released.
    ///
    /// - Parameters:
    ///   - thread: whose word it was that left nobody.
    ///   - status: what /proc says of the task; nil if it may not be read.
    init(released child: ThreadID, by thread: ThreadID, status: ProcessStatus?) {
      let process = status?.process ?? child
      self.init(parent: thread, process: process, birth: process == child ? .fork : .clone)
    }
  }

  /// Tasks that stopped before their creator's event came, and the threads that may be their creators.
  private var held: [ThreadID: Set<ThreadID>] = [:]
  /// Tasks of which the creator's event has come, but not their own first stop.
  private var announced: [ThreadID: Announcement] = [:]

  var isEmpty: Bool { held.isEmpty && announced.isEmpty }

  /// A task stops for the first time: who made it, or nil, and it is held until ``told(_:_:exists:)`` or ``heard(of:)`` says
  /// otherwise.
  ///
  /// - Parameter running: the threads that run.
  mutating func stopped(_ child: ThreadID, running: some Sequence<ThreadID>) -> Announcement? {
    if let known = announced.removeValue(forKey: child) { return known }
    held[child] = Set(running)
    return nil
  }

  /// Its creator tells of a task: whether it is born now.
  ///
  /// - Parameter exists: whether there is a task of that number.
  mutating func told(_ child: ThreadID, _ known: Announcement, exists: Bool) -> Bool {
    if held.removeValue(forKey: child) != nil { return true }
    if exists { announced[child] = known }
    return false
  }

  /// Something has been heard of a thread, and what it has made has been told: those that nobody is left to tell of.
  mutating func heard(of thread: ThreadID) -> [ThreadID] {
    if held.isEmpty { return [] }
    for child in held.keys { held[child]?.remove(thread) }
    let released = held.filter { $0.value.isEmpty }.map(\.key).sorted()
    for child in released { held[child] = nil }
    return released
  }

  /// Something else is heard of a task before it is born, its end mostly: who made it, if that is known.
  mutating func take(_ child: ThreadID) -> Announcement? {
    held[child] = nil
    return announced.removeValue(forKey: child)
  }
}
