import ApusProbe

/// What `apus` knows of opened libraries.
struct ModelApus: Sendable {
  /// The request that it is about to answer.
  var request: UInt64?
  /// How many libraries of each thread have been set.
  var libraries: [UInt64] = [0, 0, 0]
  /// Whether those of `request` have.
  var isSet = false
}

extension World {
  /// The program has opened a library, and the loader says so.
  mutating func open(_ thread: Int, _ fibre: Int) {
    let word = ModelLayout.libraries + UInt64(thread * 8)
    store(word, load(word) &+ 1)
    opened += 1
    startHook(.loader(since: clock), .loader, thread, fibre)
  }

  /// The thread passes the loader's hook: what it has opened is set, unless nobody answers.
  mutating func passLoader(_ thread: Int, _ since: UInt64) {
    let mine = load(ModelLayout.libraries + UInt64(thread * 8))
    if isGone || isChild || apus.libraries[thread] >= mine { return }
    let patience = setup.patience
    if clock - since < patience { fail("thread \(thread) does not wait for its library") }
    if clock - since > patience + Self.hookTicks { fail("thread \(thread) waits too long") }
  }

  /// How often the hook reads the clock after patience is over, at most, and a handler within it.
  private static let hookTicks: UInt64 = 60

  /// The answering half of the loader's protocol, a step at a time:
  /// 1. The requests are read (acquire): the libraries that they are for are in the loader's list.
  /// 2. The list is read, and the libraries' sites are set; a new arena is made known: its range first, then the count.
  /// 3. The request is answered with a release.
  mutating func answer() {
    do throws(ProbeFault) {
      let control = ModelLayout.control
      guard let request = apus.request else {
        let requests = try memory.global(control + UInt64(SharedControl.loaderRequests))
        let answers = try memory.global(control + UInt64(SharedControl.loaderAnswers))
        if requests > answers { apus.request = requests }
        return
      }
      if !apus.isSet {
        for thread in apus.libraries.indices {
          apus.libraries[thread] = try memory.global(ModelLayout.libraries + UInt64(thread * 8))
        }
        try addArena()
        apus.isSet = true
        return
      }
      try memory.setGlobal(control + UInt64(SharedControl.loaderAnswers), request)
      apus.request = nil
      apus.isSet = false
    } catch { fail("apus: \(error)") }
  }

  private mutating func addArena() throws(ProbeFault) {
    let control = ModelLayout.control
    let count = try memory.global(control + UInt64(SharedControl.arenaCount))
    let place = control + UInt64(SharedControl.arenas) + 16 * count
    try memory.setGlobal(place, 0x52_0000_0000 + count << 20)
    try memory.setGlobal(place + 8, 0x1000)
    try memory.setGlobal(control + UInt64(SharedControl.arenaCount), count + 1)
  }

  /// The answer as a thread may see it that loads without acquiring: before what it stands for. False if nobody asks.
  mutating func answerEarly() -> Bool {
    do throws(ProbeFault) {
      let requests = try memory.global(ModelLayout.control + UInt64(SharedControl.loaderRequests))
      let answers = ModelLayout.control + UInt64(SharedControl.loaderAnswers)
      guard requests > (try memory.global(answers)) else { return false }
      memory.early = (answers, requests)
      return true
    } catch {
      fail("apus: \(error)")
      return false
    }
  }

  /// What the early answer stands for becomes visible.
  mutating func finishEarlyAnswer() {
    memory.early = nil
    memory.earlyIsDue = false
    // What it was doing, and a whole answer.
    for _ in 0..<6 { answer() }
  }

  /// `apus` is no more: the kernel has marked its lock, or it has given the lock back.
  mutating func go(died: Bool) {
    isGone = true
    do throws(ProbeFault) {
      try memory.setGlobal(
        ModelLayout.control + UInt64(SharedControl.owner), died ? UInt64(SharedControl.ownerDied) : 0)
    } catch { fail("the owner word: \(error)") }
  }
}
