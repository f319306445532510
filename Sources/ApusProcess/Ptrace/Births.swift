internal import ApusSystem

/// New tasks, from the first that is heard of them until they are told of.
///
/// The kernel says two things of a new task, in either order: its creator stops with its number, and it stops itself, for the first
/// time. The creator may be much later: it has started the task before it comes to its own stop.
/// 1. Of a task that has stopped and has no creator yet nothing is told: it is *held*, stopped as it is.
/// 2. A task whose creator has told of it is *announced* until it stops.
/// 3. With both, it is born.
/// 4. A creator that is killed before its stop (with its process, or by another thread's exec) never tells. So as soon as no thread of
///    its process can tell any more, what is held is born with what /proc says of it; no sooner: a task that is told of early runs,
///    and may have ended before its creator's stop comes, which would then announce it for ever.
/// 5. A task that is killed before its first stop is taken as it is. What its creator says after its end is of no consequence.
struct Births {
  /// Who made a task.
  struct Announcement: Sendable, Hashable {
    var parent: ThreadID
    var process: ProcessID
    var birth: TraceEvent.Birth
  }

  /// Tasks that stopped before their creator's event came.
  private(set) var held: Set<ThreadID> = []
  /// Tasks of which the creator's event has come, but not their own first stop.
  private var announced: [ThreadID: Announcement] = [:]

  var isEmpty: Bool { held.isEmpty && announced.isEmpty }

  /// A task stops for the first time: who made it, or nil, and it is held.
  mutating func stopped(_ child: ThreadID) -> Announcement? {
    if let known = announced.removeValue(forKey: child) { return known }
    held.insert(child)
    return nil
  }

  /// Its creator tells of a task: whether it is born now.
  ///
  /// - Parameter exists: whether there is a task of that number.
  mutating func told(_ child: ThreadID, _ known: Announcement, exists: Bool) -> Bool {
    if held.remove(child) != nil { return true }
    if exists { announced[child] = known }
    return false
  }

  /// Something else is heard of a task before it is born, its end mostly: who made it, if that is known.
  mutating func take(_ child: ThreadID) -> Announcement? {
    held.remove(child)
    return announced.removeValue(forKey: child)
  }

  /// What is held and will not be told of by its creator: born with what is known of it.
  ///
  /// - Parameters:
  ///   - ending: a thread that has told all, since it ends.
  ///   - executed: a process that has become another program: all that is held of it was made by threads that are gone.
  ///   - records: the threads that there are.
  ///   - status: what /proc says of a task; nil if it is gone.
  mutating func release(
    endOf ending: ThreadID? = nil, executed: ProcessID? = nil, records: [ThreadID: ThreadRecord],
    status: (ThreadID) -> ProcessStatus?
  ) -> [(child: ThreadID, known: Announcement)] {
    var released: [(child: ThreadID, known: Announcement)] = []
    for child in held.sorted() {
      guard let status = status(child) else { continue }
      let isProcess = status.process == child
      let maker = isProcess ? status.parent : status.process
      let mayStillTell = records.contains { thread, record in
        record.process == maker && thread != ending && record.mayTell
      }
      guard !mayStillTell || maker == executed else { continue }
      held.remove(child)
      let known = Announcement(
        parent: ending ?? maker ?? child, process: status.process ?? child,
        birth: isProcess ? .fork : .clone)
      released.append((child, known))
    }
    return released
  }
}

extension ThreadRecord {
  /// Whether the thread may still tell of tasks that it has made: not if it stands at its end.
  fileprivate var mayTell: Bool { state != .ended && state != .stopped(.exiting) }
}
