import ApusSystem
import Testing

@testable import ApusProcess

/// Every order in which the kernel may tell of a birth, with a thread's end, the process's end or an exec at any moment.
@Suite struct BirthsTests {
  private static let main: ThreadID = 1
  private static let worker: ThreadID = 2
  private static let child: ThreadID = 3

  /// What the kernel may tell next. A task's own words come in order.
  private enum Word: Hashable {
    case firstStop
    case created
    /// A stop for something else.
    case signal(ThreadID)
    case exiting(ThreadID)
    case ended(ThreadID)
    /// The other thread has executed a program: the creator is gone.
    case executed
    /// Everything is killed: who has not told yet never does.
    case killed

    func isOf(_ thread: ThreadID) -> Bool {
      switch self {
      case .signal(thread), .exiting(thread), .ended(thread): true
      default: false
      }
    }
  }

  /// A process of two threads, one of which makes a task; and a tracer that keeps its records as PtraceTracer does, and resumes
  /// whatever stops.
  private struct World {
    let isFork: Bool
    let creator: ThreadID
    /// What may be told now.
    var pending: Set<Word> = [.firstStop, .created]
    var births = Births()
    var records: [ThreadID: ThreadRecord] = [
      main: ThreadRecord(process: main, state: .running),
      worker: ThreadRecord(process: main, state: .running),
      // Of another process, which nothing happens to.
      77: ThreadRecord(process: 77, state: .stopped(.group(19))),
    ]
    var told: [String] = []
    var exists = true
    /// The threads of the process that there are.
    var members: Set<ThreadID> { Set(records.filter { $0.value.process == main }.keys) }

    init(isFork: Bool, creator: ThreadID, others: Set<Word>) {
      self.isFork = isFork
      self.creator = creator
      pending.formUnion(others)
    }

    mutating func born(_ task: ThreadID, _ known: Births.Announcement) {
      told.append("born of \(known.parent)")
      #expect(known.process == (isFork ? child : main) && known.birth == (isFork ? .fork : .clone))
      records[task] = ThreadRecord(process: known.process, state: .running)
      pending.insert(.exiting(task))
    }

    mutating func release(after thread: ThreadID) {
      for task in births.heard(of: thread) {
        let status = ProcessStatus.parse("Tgid:\t\(isFork ? child : main)\nPPid:\t99\n")
        born(task, Births.Announcement(released: task, by: thread, status: status))
      }
    }

    /// Something else than its first stop is heard of the child.
    mutating func adopt(_ task: ThreadID) {
      guard task == child, records[task] == nil else { return }
      _ = births.take(task)
      records[task] = ThreadRecord(process: isFork ? task : main, state: .running)
    }

    /// Its next word is its end; it may stop there.
    mutating func kill(_ thread: ThreadID) {
      let isLeaving = pending.contains(.ended(thread))
      pending = pending.filter { !$0.isOf(thread) }
      pending.insert(isLeaving ? .ended(thread) : .exiting(thread))
    }

    mutating func tell(_ word: Word) {
      pending.remove(word)
      switch word {
      case .firstStop:
        let running = records.filter { $0.value.state == .running }.keys
        if let known = births.stopped(child, running: running) { born(child, known) }
        release(after: child)
      case .created:
        told.append("created")
        let known = Births.Announcement(
          parent: creator, process: isFork ? child : main, birth: isFork ? .fork : .clone)
        if records[child] == nil, births.told(child, known, exists: exists) { born(child, known) }
        release(after: creator)
      case .signal(let thread):
        release(after: thread)
      case .exiting(let thread):
        adopt(thread)
        pending.insert(.ended(thread))
        release(after: thread)
      case .ended(let thread):
        adopt(thread)
        _ = births.take(thread)
        records[thread] = nil
        if thread == child {
          exists = false
          told.append("gone")
        }
        release(after: thread)
      case .executed:
        for thread in members.sorted() where thread != main {
          records[thread] = nil
          release(after: thread)
        }
        records[main] = ThreadRecord(process: main, state: .running)
        pending = pending.filter { $0 == .firstStop || $0.isOf(child) }
        pending.insert(.exiting(main))
        release(after: main)
      case .killed:
        pending = pending.filter { $0 != .created && $0 != .executed && (isFork || $0 != .firstStop) }
        members.forEach { kill($0) }
        if !isFork, exists { kill(child) }
      }
    }

    /// A program is executed when the creator has passed its end; a leader's end comes after those of all its threads, and both
    /// after that of a thread that was not heard of yet.
    func isNext(_ word: Word) -> Bool {
      switch word {
      case .executed: isFork && members.count > 1
      case .ended(main): members == [main] && (isFork || !exists)
      default: true
      }
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

  /// Whoever made it tells of it, whatever is heard of the other thread meanwhile.
  @Test(arguments: [false, true], [main, worker])
  func theCreatorTells(isFork: Bool, creator: ThreadID) {
    var orders = 0
    let other = creator == Self.main ? Self.worker : Self.main
    for words: Set<Word> in [[.exiting(other)], [.signal(other)], [.signal(other), .exiting(other)]] {
      Self.explore(World(isFork: isFork, creator: creator, others: words), &orders) { world in
        #expect(world.told == ["created", "born of \(creator)", "gone"], "\(world.told)")
        #expect(world.births.isEmpty)
      }
    }
    #expect(orders > 50)
  }

  /// Killed at any moment: nothing is held for ever, though another process lives on, and nothing is announced for ever.
  @Test(arguments: [false, true], [main, worker])
  func aKilledCreatorDoesNotTell(isFork: Bool, creator: ThreadID) {
    var orders = 0
    let other = creator == Self.main ? Self.worker : Self.main
    for words: Set<Word> in [[.killed], [.killed, .exiting(other)], [.killed, .signal(other)]] {
      Self.explore(World(isFork: isFork, creator: creator, others: words), &orders) { world in
        #expect(world.births.isEmpty && world.records.keys.elementsEqual([77]), "\(world.told)")
        #expect(world.told.last { $0 != "created" } == "gone", "\(world.told)")
        let births = world.told.count { $0.hasPrefix("born") }
        #expect(isFork ? births == 1 : births <= 1, "\(world.told)")
      }
    }
    #expect(orders > 50)
  }

  /// A thread that executes a program ends the others, one of which may just have forked. (What stops for the first time after that
  /// is released when the new program is heard of.)
  @Test(arguments: [main, worker]) func anExecReleasesWhatTheOthersMade(creator: ThreadID) {
    var orders = 0
    Self.explore(World(isFork: true, creator: creator, others: [.executed]), &orders) { world in
      #expect(world.births.isEmpty && world.records.keys.elementsEqual([77]), "\(world.told)")
      #expect(world.told.count { $0.hasPrefix("born") } == 1 && world.told.last == "gone", "\(world.told)")
    }
    #expect(orders > 10)
    var world = World(isFork: true, creator: creator, others: [])
    world.tell(.firstStop)
    #expect(world.told.isEmpty)
    world.tell(.executed)
    #expect(world.told.count == 1)
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
