import ApusSystem
import Testing

@testable import ApusProcess

/// Every order in which the kernel may tell of a birth, with a thread's end, the process's end or an exec at any moment.
@Suite struct BirthsTests {
  private static let main: ThreadID = 1
  private static let worker: ThreadID = 2
  private static let child: ThreadID = 3

  /// What the kernel may tell next. A task's own come in order.
  private enum Word: Hashable {
    case firstStop
    case created
    case exiting(ThreadID)
    case ended(ThreadID)
    /// Another thread than the creator has executed a program: the others are gone.
    case executed
    /// Everything is killed: who has not told yet never does.
    case killed
  }

  /// A process of two threads, one of which makes a task; and a tracer that keeps its records as PtraceTracer does.
  private struct World {
    var isFork: Bool
    var creator: ThreadID
    /// What may be told now.
    var pending: Set<Word> = [.firstStop, .created]
    var isKilled = false
    var births = Births()
    var records: [ThreadID: ThreadRecord] = [
      main: ThreadRecord(process: main, state: .running),
      worker: ThreadRecord(process: main, state: .running),
    ]
    var told: [String] = []
    var exists = true

    init(isFork: Bool, creator: ThreadID, others: Set<Word>) {
      self.isFork = isFork
      self.creator = creator
      pending.formUnion(others)
    }

    var status: ProcessStatus {
      // An orphan has another parent.
      let parent = records.contains { $0.value.process == main && $0.value.state != .ended } ? main : 99
      return ProcessStatus.parse("Tgid:\t\(isFork ? child : main)\nPPid:\t\(parent)\n")
    }

    mutating func release(endOf ending: ThreadID? = nil, executed: ProcessID? = nil) {
      let (exists, status) = (exists, status)
      for (child, known) in births.release(
        endOf: ending, executed: executed, records: records, status: { _ in exists ? status : nil })
      {
        born(child, known)
      }
    }

    mutating func born(_ task: ThreadID, _ known: Births.Announcement) {
      told.append("born of \(known.parent)")
      records[task] = ThreadRecord(process: known.process, state: .running)
      pending.insert(.exiting(task))
    }

    /// Something else than its first stop is heard of the child.
    mutating func adopt(_ task: ThreadID) {
      guard records[task] == nil else { return }
      _ = births.take(task)
      records[task] = ThreadRecord(process: isFork ? task : main, state: .running)
    }

    mutating func tell(_ word: Word) {
      pending.remove(word)
      switch word {
      case .firstStop:
        if let known = births.stopped(child) { born(child, known) }
      case .created:
        told.append("created")
        if records[child] == nil {
          let known = Births.Announcement(
            parent: creator, process: isFork ? child : main, birth: isFork ? .fork : .clone)
          if births.told(child, known, exists: exists) { born(child, known) }
        }
      case .exiting(let thread):
        if thread == child { adopt(thread) }
        records[thread]?.state = .stopped(.exiting)
        release(endOf: thread)
        pending.insert(.ended(thread))
      case .ended(let thread):
        if thread == child { adopt(thread) }
        release(endOf: thread)
        records[thread] = nil
        _ = births.take(thread)
        if thread == child {
          exists = false
          told.append("gone")
        }
      case .executed:
        // Its creator, and a thread that it made, have passed their ends.
        records[creator] = nil
        pending.remove(.created)
        release(executed: main)
      case .killed:
        isKilled = true
        pending = pending.filter { $0 != .created && $0 != .executed }
        var dying = [main, worker]
        // Threads die with the process; a forked child does not.
        if !isFork, exists { dying.append(child) }
        if !isFork { pending.remove(.firstStop) }
        for thread in dying where thread == child || records[thread] != nil {
          let isLeaving = pending.contains(.exiting(thread)) || pending.contains(.ended(thread))
          if !isLeaving { pending.insert(.ended(thread)) }
        }
      }
      // When nothing more can be heard of the others.
      if births.held.contains(child), records.isEmpty { release() }
    }

    /// The leader's end comes after all its other threads'.
    func isNext(_ word: Word) -> Bool {
      guard case .ended(main) = word else { return true }
      return !records.contains { $0.key != main && $0.value.process == main }
        && (isFork || !exists || records[child] == nil && !births.held.contains(child))
    }
  }

  private static func explore(_ world: World, _ orders: inout Int, _ check: (World) -> Void) {
    let next = world.pending.filter(world.isNext)
    if next.isEmpty {
      orders += 1
      check(world)
    }
    for word in next {
      var world = world
      world.tell(word)
      explore(world, &orders, check)
    }
  }

  /// Whoever made it tells of it, though another thread ends meanwhile.
  @Test(arguments: [false, true], [main, worker])
  func theCreatorTells(isFork: Bool, creator: ThreadID) {
    let other = creator == Self.main ? Self.worker : Self.main
    var orders = 0
    let world = World(isFork: isFork, creator: creator, others: [.exiting(other)])
    Self.explore(world, &orders) { world in
      #expect(world.told == ["created", "born of \(creator)", "gone"], "\(world.told)")
      #expect(world.births.isEmpty)
    }
    #expect(orders >= 10)
  }

  /// Killed at any moment: nothing is held for ever, and nothing is announced for ever.
  @Test(arguments: [false, true]) func aKilledCreatorDoesNotTell(isFork: Bool) {
    var orders = 0
    for others: Set<Word> in [[.killed], [.killed, .exiting(Self.worker)]] {
      Self.explore(World(isFork: isFork, creator: Self.main, others: others), &orders) { world in
        #expect(world.births.isEmpty && world.records.isEmpty, "\(world.told)")
        #expect(world.told.last == "gone" && world.told.count { $0.hasPrefix("born") } <= 1, "\(world.told)")
        if isFork { #expect(world.told.contains { $0.hasPrefix("born") }, "\(world.told)") }
      }
    }
    #expect(orders > 20)
  }

  /// A thread that executes a program ends the others, one of which had just forked.
  @Test func anExecReleasesWhatTheOthersMade() {
    var world = World(isFork: true, creator: Self.worker, others: [])
    world.tell(.firstStop)
    world.pending.remove(.created)
    world.tell(.exiting(Self.worker))
    world.tell(.ended(Self.worker))
    #expect(world.told.isEmpty)
    world.tell(.executed)
    #expect(world.told == ["born of \(Self.main)"])
  }

  /// Killed on its own before its creator comes to telling.
  @Test func whatIsGoneIsNotAnnounced() {
    var world = World(isFork: true, creator: Self.main, others: [])
    world.tell(.firstStop)
    world.tell(.ended(Self.child))
    world.tell(.created)
    #expect(world.told == ["gone", "created"] && world.births.isEmpty)
  }
}
