import ApusProbe

/// The memory of the modelled process: sparse pages of words, and for each thread the stores that only it sees so far.
///
/// With `isWeak`, a thread's stores wait in its own list. They may become visible in any order, but those to one address in
/// program order, and a release only after all stores before it; later ones may overtake it. An atomic operation or a fence
/// first makes all of them visible. That is as weak as arm64's store order.
struct ModelMemory: ProbeMemory {
  /// A store that other threads do not see yet.
  struct Pending {
    var address: UInt64
    var value: UInt64
    var isRelease: Bool

    /// Whether it stays behind an earlier one.
    func waits(for earlier: Pending) -> Bool { isRelease || address == earlier.address }
  }

  private var keys = [UInt64](repeating: 0, count: 256)
  private var places = [Int32](repeating: 0, count: 256)
  private var words: [UInt64] = []
  /// Whether plain stores wait.
  var isWeak = false
  /// The thread that is running.
  var active = 0
  /// What each thread's stores that wait are, oldest first.
  var pending: [[Pending]] = [[], [], []]
  /// How many stores of a thread may wait.
  var pendingLimit = 8
  /// A word that plain loads see as it will be, and that an acquiring load makes so: (address, value). Stands for a
  /// reader's release whose earlier stores a load that does not acquire may miss.
  var early: (address: UInt64, value: UInt64)?
  /// Set when an acquiring load has read the early word.
  var earlyIsDue = false

  private mutating func grow() {
    let oldKeys = keys
    let oldPlaces = places
    keys = [UInt64](repeating: 0, count: oldKeys.count * 2)
    places = [Int32](repeating: 0, count: oldKeys.count * 2)
    for (index, key) in oldKeys.enumerated() where key != 0 {
      let bucket = freeBucket(key)
      keys[bucket] = key
      places[bucket] = oldPlaces[index]
    }
  }

  private func freeBucket(_ key: UInt64) -> Int {
    var bucket = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 32) & (keys.count - 1)
    while keys[bucket] != 0 && keys[bucket] != key { bucket = (bucket + 1) & (keys.count - 1) }
    return bucket
  }

  /// Where the word stands; −1 for a mapped word that was never written.
  private mutating func find(_ address: UInt64, allocating: Bool) throws(ProbeFault) -> Int {
    let key = address >> 9 | 1 << 63
    let bucket = freeBucket(key)
    let word = Int(address >> 3) & 63
    if keys[bucket] == key, address & 7 == 0 { return Int(places[bucket]) * 64 + word }
    guard address & 7 == 0, ModelLayout.mapped.contains(where: { $0.contains(address) }) else {
      throw ProbeFault(address: address)
    }
    guard allocating else { return -1 }
    let page = words.count / 64
    words.append(contentsOf: repeatElement(0, count: 64))
    keys[bucket] = key
    places[bucket] = Int32(page)
    if page * 2 > keys.count { grow() }
    return page * 64 + word
  }

  /// What all threads see.
  mutating func global(_ address: UInt64) throws(ProbeFault) -> UInt64 {
    let place = try find(address, allocating: false)
    return place < 0 ? 0 : words[place]
  }
  /// Stores for all to see.
  mutating func setGlobal(_ address: UInt64, _ value: UInt64) throws(ProbeFault) {
    words[try find(address, allocating: true)] = value
  }

  mutating func load(
    _ address: UInt64, _ width: ProbeWidth, _ order: ProbeOrder
  ) throws(ProbeFault) -> UInt64 {
    if order == .atomic { try drain(active) }
    if let early, early.address == address {
      if order == .plain { return early.value }
      earlyIsDue = true
    }
    if isWeak, let own = pending[active].last(where: { $0.address == address }) {
      return own.value & width.mask
    }
    return try global(address) & width.mask
  }

  mutating func store(
    _ address: UInt64, _ value: UInt64, _ width: ProbeWidth, _ order: ProbeOrder
  ) throws(ProbeFault) {
    guard width == .eight else { throw ProbeFault(address: address) }
    guard isWeak, order != .atomic else {
      if isWeak { try drain(active) }
      return try setGlobal(address, value)
    }
    _ = try find(address, allocating: true)
    pending[active].append(Pending(address: address, value: value, isRelease: order == .release))
    if pending[active].count > pendingLimit { try show(active, 0) }
  }

  mutating func fence() {
    do throws(ProbeFault) { try drain(active) } catch { earlyIsDue = true }
  }

  /// Makes one waiting store visible, and those that it waits for.
  mutating func show(_ thread: Int, _ index: Int) throws(ProbeFault) {
    var due = [Bool](repeating: false, count: pending[thread].count)
    due[index] = true
    for place in (0..<index).reversed() {
      due[place] = (place + 1...index).contains {
        due[$0] && pending[thread][$0].waits(for: pending[thread][place])
      }
    }
    try show(thread, due)
  }

  /// Makes all waiting stores of a thread visible but one, and those that wait for it.
  mutating func drain(_ thread: Int, except hidden: Int) throws(ProbeFault) {
    var due = [Bool](repeating: true, count: pending[thread].count)
    due[hidden] = false
    for place in due.indices.dropFirst(hidden + 1) {
      due[place] = !(hidden..<place).contains {
        !due[$0] && pending[thread][place].waits(for: pending[thread][$0])
      }
    }
    try show(thread, due)
  }

  private mutating func show(_ thread: Int, _ due: [Bool]) throws(ProbeFault) {
    var waiting: [Pending] = []
    for (store, isDue) in zip(pending[thread], due) {
      if isDue { try setGlobal(store.address, store.value) } else { waiting.append(store) }
    }
    pending[thread] = waiting
  }

  /// Makes all waiting stores of a thread visible.
  mutating func drain(_ thread: Int) throws(ProbeFault) {
    for store in pending[thread] { try setGlobal(store.address, store.value) }
    pending[thread].removeAll()
  }

  /// Zeroes every page in a range, and the stores that wait for it.
  mutating func wipe(_ range: Range<UInt64>) throws(ProbeFault) {
    for (bucket, key) in keys.enumerated() where key != 0 {
      let start = (key & ~(1 << 63)) << 9
      for word in 0..<64 where range.contains(start + UInt64(word) * 8) {
        words[Int(places[bucket]) * 64 + word] = 0
      }
    }
  }
}

extension ModelMemory {
  /// The words of a range that were ever written and are not zero, with their addresses.
  func nonZero(in range: Range<UInt64>) -> [(address: UInt64, value: UInt64)] {
    var found: [(UInt64, UInt64)] = []
    for (bucket, key) in keys.enumerated() where key != 0 {
      let start = (key & ~(1 << 63)) << 9
      guard range.contains(start) else { continue }
      for word in 0..<64 {
        let value = words[Int(places[bucket]) * 64 + word]
        if value != 0 { found.append((start + UInt64(word) * 8, value)) }
      }
    }
    return found
  }
}
