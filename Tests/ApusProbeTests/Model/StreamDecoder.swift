import ApusProbe

/// What one thread's events say.
struct StreamDecoder {
  var entries = [Int](repeating: 0, count: ProgramSet.functions)
  /// Entries, tail calls and returns of the script's own functions, in order.
  var own: [UInt64] = []
  var unwound: UInt64 = 0
  var gaps: UInt64 = 0
  var failure: String?
  private var stacks: [UInt64: [UInt32]] = [:]
  private var stack: UInt64 = .max
  /// Whether no more frames are left or lost than are open.
  private var closesWhatIsOpen = false
  /// The stacks that each function was called on, if that is checked.
  private var chunks: [Set<UInt64>]?
  /// What each stack was entered from that had nothing open.
  private var origins: [UInt64: UInt64] = [:]
  private var registers: [EventWord] = []
  private var recordsRegisters = false

  /// The script's functions; the others are called by handlers only.
  static let ownFunctions: ClosedRange<UInt32> = 1...5

  init(
    _ words: [UInt64], level: Level, isExact: Bool, closesWhatIsOpen: Bool, isTimed: Bool, checksTime: Bool,
    mayStayOpen: Int?, recordsRegisters: Bool, chunks: [Set<UInt64>]?
  ) {
    var time: UInt64 = 0
    self.chunks = chunks
    self.closesWhatIsOpen = closesWhatIsOpen
    self.recordsRegisters = recordsRegisters
    for raw in words {
      let word = EventWord(rawValue: raw)
      if word.kind == .extended, word.subkind == .padding, word.time == 0 { continue }
      if word.kind == .extended, word.subkind == .registers {
        registers.append(word)
        continue
      }
      checkRegisters(before: word)
      if isTimed ? checksTime && word.time < time : word.time != 0 {
        fail("time goes back or is none: \(raw)")
      }
      time = word.time
      if level == .entry, word.kind != .entry { fail("an event of another level: \(raw)") }
      take(word, isExact)
    }
    if level == .graph, isExact, let mayStayOpen, stacks.values.reduce(0, { $0 + $1.count }) != mayStayOpen {
      fail("functions \(stacks) are open in the end, and not \(mayStayOpen)")
    }
  }

  /// A call on the regs path, and nothing else, has a whole register file of its own before it.
  private mutating func checkRegisters(before word: EventWord) {
    defer { registers = [] }
    let isCall = word.kind == .entry || word.kind == .tail
    guard recordsRegisters, isCall, word.function % 2 == 1 else {
      if !registers.isEmpty { fail("registers without a call") }
      return
    }
    let layout = ModelLayout.registers
    guard registers.count == 2 * layout.count,
      registers.enumerated().allSatisfy({ $1.payload == 2 * layout.count - 1 - $0 })
    else { return fail("a torn register file: \(registers.map(\.payload))") }
    let halves = registers.map { UInt64($0.half) }
    if halves[0] != halves[1] || halves[0] & 15 != UInt64(word.function) {
      fail("registers \(halves) of another call than \(word.function)'s")
    }
    if halves[3] << 32 | halves[2] != ModelLayout.site(Int(word.function)) { fail("another call site") }
  }

  private mutating func fail(_ what: String) {
    if failure == nil { failure = what }
  }

  private mutating func take(_ word: EventWord, _ isExact: Bool) {
    let function = word.function
    if word.kind != .extended {
      guard function < ProgramSet.functions else { return fail("a torn event \(word.rawValue)") }
      if Self.ownFunctions.contains(function) { own.append(word.rawValue & 0x3FF_FFFF) }
    }
    if word.kind == .entry || word.kind == .tail, let chunks, !chunks[Int(function)].contains(stack) {
      fail("\(function) is called on stack \(stack)")
    }
    switch word.kind {
    case .entry:
      entries[Int(function)] += 1
      stacks[stack, default: []].append(function)
    case .tail:
      entries[Int(function)] += 1
      if stacks[stack, default: []].popLast() == nil, isExact { fail("a tail call from nowhere") }
      stacks[stack, default: []].append(function)
    case .return:
      let open = stacks[stack, default: []].last
      if open == function {
        stacks[stack, default: []].removeLast()
      } else if isExact {
        fail("\(function) returns, but \(open.map(String.init) ?? "nothing") is open on stack \(stack)")
      } else if let place = stacks[stack, default: []].lastIndex(of: function) {
        stacks[stack, default: []].removeSubrange(place...)
      }
    case .extended: takeExtended(word)
    }
  }

  private mutating func takeExtended(_ word: EventWord) {
    switch word.subkind {
    case .padding: break
    case .unwound:
      unwound += word.payload
      close(Int(word.payload), on: [stack])
    case .gap:
      gaps += word.payload
      close(Int(word.payload), on: chain(from: stack))
    case .stack:
      if stacks[word.payload, default: []].isEmpty {
        origins[word.payload] = chain(from: stack).first {
          $0 != word.payload && !stacks[$0, default: []].isEmpty
        }
      }
      stack = word.payload
    case .unmatched, .registers, nil: fail("an unknown event \(word.rawValue)")
    }
  }

  /// A stack, the one that it was entered from, and so on.
  private func chain(from stack: UInt64) -> [UInt64] {
    var chain = [stack]
    while let last = chain.last, let origin = origins[last], !chain.contains(origin) { chain.append(origin) }
    return chain
  }

  /// Closes the innermost frames, first those of the first stack.
  private mutating func close(_ frames: Int, on chain: [UInt64]) {
    var left = frames
    for stack in chain {
      let here = min(left, stacks[stack, default: []].count)
      stacks[stack, default: []].removeLast(here)
      left -= here
    }
    if left > 0, closesWhatIsOpen { fail("\(frames) frames are left, but \(frames - left) are open") }
  }
}
