import ApusProbe

/// What stays with a thread from one chunk to the next.
struct ThreadClock {
  /// The time of the thread's last event.
  var last: UInt64 = 0
  /// An `unmatched` event was seen, the word with its function is still to come.
  var awaitsFunction = false
  /// Its time.
  var unmatchedTime: UInt64 = 0
  /// Halves of the register file of a call that is still to come.
  var halves: [UInt32] = []
  /// How many halves are still to come.
  var halvesLeft = 0
}

/// The columns of an event chunk in the making; see ``TraceFormat``.
///
/// A value inside one object: a batch of words is one access to it, and what changes with each word is in registers or on
/// known addresses.
@safe struct EventColumns {
  /// The columns' memory.
  let blocks: [Block]
  /// Bytes in each; those of identifiers are known after ``finish()``.
  private(set) var sizes = InlineArray<7, Int>(repeating: 0)
  /// Identifiers, 4 bytes each, until ``finish()`` makes columns of their bytes.
  private let identifiers: Block
  private var identifierCount = 0
  private var rings = EventRings()
  private var pendingReturns: UInt32 = 0
  private var hasFirst = false
  private var timed = false

  /// Words taken since ``begin(clock:timed:)``.
  private(set) var words = 0
  /// Events among them.
  private(set) var events: UInt32 = 0
  /// Calls among those.
  private(set) var calls: UInt32 = 0
  /// Tail calls among those.
  private(set) var tails: UInt32 = 0
  /// There were `stack` events.
  private(set) var sawStacks = false
  /// Time of the first event.
  private(set) var first: UInt64 = 0
  /// The register files of calls in the chunk.
  private(set) var registers: RegisterFiles
  /// What stays with the thread.
  private(set) var clock = ThreadClock()

  init(_ names: RegisterNames) {
    registers = RegisterFiles(names)
    let most = TraceFormat.maximumEvents
    blocks = [4, 1, 1, 1, 1, 1, 8].map { Block(size: most * $0 + 64) }
    identifiers = Block(size: most * 4 + 64)
  }

  /// Starts a chunk.
  mutating func begin(clock: ThreadClock, timed: Bool) {
    for index in sizes.indices { sizes[index] = 0 }
    rings.reset()
    (pendingReturns, identifierCount, words, events, calls, tails) = (0, 0, 0, 0, 0, 0)
    sawStacks = false
    (hasFirst, first) = (false, 0)
    registers.removeAll()
    self.clock = clock
    self.timed = timed
  }

  /// Ends the chunk: the columns are complete.
  mutating func finish() {
    flushRun()
    splitIdentifiers()
  }

  /// Takes words read when the counter stood at `drainCounter`. Together no more than
  /// ``TraceFormat/maximumEvents`` between `begin` and `finish`.
  mutating func add(_ batch: UnsafeBufferPointer<UInt64>, drainCounter: UInt64) {
    guard let base = batch.baseAddress else { return }
    var index = 0
    while index < batch.count {
      if hasFirst, !clock.awaitsFunction, clock.halves.isEmpty {
        let rest = unsafe UnsafeBufferPointer(start: base + index, count: batch.count - index)
        index += unsafe timed ? addTimed(rest, drainCounter) : addUntimed(rest, drainCounter)
        guard index < batch.count else { break }
      }
      if !clock.awaitsFunction {
        unsafe index += takeHalves(UnsafeBufferPointer(start: base + index, count: batch.count - index))
        guard index < batch.count else { break }
      }
      unsafe add(base[index], drainCounter)
      index += 1
    }
    words += batch.count
  }

  @inline(never) private mutating func addTimed(_ batch: UnsafeBufferPointer<UInt64>, _ drainCounter: UInt64)
    -> Int
  {
    unsafe addUsual(batch, drainCounter, timed: true)
  }

  @inline(never) private mutating func addUntimed(
    _ batch: UnsafeBufferPointer<UInt64>, _ drainCounter: UInt64
  ) -> Int {
    unsafe addUsual(batch, drainCounter, timed: false)
  }

  /// Takes entries, predicted returns and tail calls, up to the first word that needs more than appending to columns; gives
  /// how many it took. Nearly all words pass here, so nothing is kept in memory that can be in a register.
  @inline(__always) private mutating func addUsual(
    _ batch: UnsafeBufferPointer<UInt64>, _ drainCounter: UInt64, timed: Bool
  ) -> Int {
    guard let start = batch.baseAddress else { return 0 }
    let end = unsafe start + batch.count
    var source = unsafe start
    let tokenStart = unsafe blocks[0].base.assumingMemoryBound(to: UInt8.self)
    let identifierStart = unsafe identifiers.base.assumingMemoryBound(to: UInt32.self)
    let entryStart = unsafe blocks[4].base.assumingMemoryBound(to: UInt8.self)
    let returnStart = unsafe blocks[5].base.assumingMemoryBound(to: UInt8.self)
    let wide = unsafe blocks[6].base
    var tokens = unsafe tokenStart + sizes[0]
    var target = unsafe identifierStart + identifierCount
    var entrySteps = unsafe entryStart + sizes[4]
    var returnSteps = unsafe returnStart + sizes[5]
    var wideCount = sizes[6]
    let slots = unsafe rings.slots
    var (top, depth) = (rings.top, rings.depth)
    var pending = pendingReturns
    var last = clock.last
    let ringMask = TraceFormat.ringSize &- 1
    let timeMask: UInt64 = (1 << EventWord.timeBits) &- 1

    while unsafe source < end {
      let word = unsafe source.pointee
      let function = UInt32(truncatingIfNeeded: word >> EventWord.functionShift) & 0xFF_FFFF
      var isReturn = false
      if word & EventWord.kindMask == 1 {
        guard pending <= TraceFormat.longestRun else { break }
        unsafe tokens.pointee = UInt8(truncatingIfNeeded: pending)
        unsafe tokens += 1
        pending = 0
        unsafe target.pointee = function
        unsafe target += 1
        unsafe slots[Int(top & ringMask)] = function
        top &+= 1
        depth = min(depth &+ 1, TraceFormat.ringSize)
      } else if word & EventWord.kindMask == 2 {
        // Longer runs are written as runs.
        guard pending < 254, depth > 0, unsafe slots[Int((top &- 1) & ringMask)] == function else { break }
        top &-= 1
        depth &-= 1
        pending &+= 1
        isReturn = true
      } else {
        guard word & EventWord.kindMask == 0, word != 0, depth > 0 else { break }
        if pending > 0 {
          unsafe tokens[0] = TraceFormat.runToken
          unsafe tokens[1] = UInt8(truncatingIfNeeded: pending)
          unsafe tokens += 2
          pending = 0
        }
        unsafe tokens.pointee = TraceFormat.tailToken
        unsafe tokens += 1
        unsafe target.pointee = function
        unsafe target += 1
        unsafe slots[Int((top &- 1) & ringMask)] = function
        tails &+= 1
      }
      if timed {
        let age = (drainCounter &- word >> EventWord.timeShift) & timeMask
        let time = max(last, drainCounter &- age)
        let step = time &- last
        last = time
        var byte = UInt8(truncatingIfNeeded: step)
        if step >= TraceFormat.widestStep { byte = unsafe Self.put(step, to: wide, &wideCount) }
        if isReturn {
          unsafe returnSteps.pointee = byte
          unsafe returnSteps += 1
        } else {
          unsafe entrySteps.pointee = byte
          unsafe entrySteps += 1
        }
      }
      unsafe source += 1
    }

    sizes[0] = unsafe tokens - tokenStart
    let made = unsafe (target - identifierStart) - identifierCount
    identifierCount += made
    sizes[4] = unsafe entrySteps - entryStart
    sizes[5] = unsafe returnSteps - returnStart
    sizes[6] = wideCount
    (rings.top, rings.depth) = (top, depth)
    pendingReturns = pending
    clock.last = last
    let taken = unsafe source - start
    events &+= UInt32(taken)
    calls &+= UInt32(made)
    return taken
  }

  /// Appends a wide step; gives the byte that tells its width.
  @inline(__always) private static func put(
    _ step: UInt64, to wide: UnsafeMutableRawPointer, _ count: inout Int
  ) -> UInt8 {
    let value = step &- TraceFormat.widestStep
    let bytes = max(1, (71 &- value.leadingZeroBitCount) / 8)
    unsafe store(value, wide, count)
    count &+= bytes
    return UInt8(truncatingIfNeeded: 247 &+ bytes)
  }

  private mutating func put(token: UInt8) {
    unsafe store(token, blocks[0].base, sizes[0])
    sizes[0] += 1
  }

  private mutating func put(identifier: UInt32) {
    unsafe identifiers.base.storeBytes(of: identifier, toByteOffset: identifierCount * 4, as: UInt32.self)
    identifierCount += 1
  }

  private mutating func put(step: UInt64, column: Int) {
    guard timed else { return }
    var byte = UInt8(truncatingIfNeeded: step)
    if step >= TraceFormat.widestStep { byte = unsafe Self.put(step, to: blocks[6].base, &sizes[6]) }
    unsafe store(byte, blocks[column].base, sizes[column])
    sizes[column] += 1
  }

  private mutating func flushRun() {
    guard pendingReturns > 0 else { return }
    put(token: TraceFormat.runToken)
    put(token: UInt8(truncatingIfNeeded: pendingReturns))
    pendingReturns = 0
  }

  /// Takes any word.
  @inline(never) private mutating func add(_ word: UInt64, _ drainCounter: UInt64) {
    var time = clock.last
    let isUnmatched = clock.awaitsFunction
    if isUnmatched {
      clock.awaitsFunction = false
      time = max(clock.last, clock.unmatchedTime)
    } else {
      if word == 0 || word & 0xFF == 3 { return }  // not written, or padding
      if timed {
        let age = (drainCounter &- word >> EventWord.timeShift) & ((1 << EventWord.timeBits) &- 1)
        time = max(clock.last, drainCounter &- age)
      }
      if word & 0xFF == EventWord.Subkind.unmatched.rawValue << EventWord.subkindShift | 3 {
        clock.awaitsFunction = true
        clock.unmatchedTime = time
        return
      }
    }
    if !hasFirst {
      hasFirst = true
      first = time
      clock.last = time
    }
    var step = time &- clock.last
    clock.last = time
    events &+= 1
    if !clock.halves.isEmpty {
      // The call's registers are an event before it, at its time.
      let isCall = !isUnmatched && word & EventWord.kindMask < 2
      if isCall, clock.halvesLeft == 0, registers.append(halves: clock.halves) {
        events &+= 1
        flushRun()
        put(token: TraceFormat.extendedToken)
        put(token: UInt8(truncatingIfNeeded: EventWord.Subkind.registers.rawValue))
        put(identifier: UInt32(registers.count - 1))
        put(step: step, column: 4)
        step = 0
      }
      clock.halves.removeAll(keepingCapacity: true)
    }
    if isUnmatched {
      flushRun()
      put(token: TraceFormat.extendedToken)
      put(token: UInt8(truncatingIfNeeded: EventWord.Subkind.unmatched.rawValue))
      put(identifier: UInt32(truncatingIfNeeded: word >> 1) & 0xFF_FFFF)
      return put(step: step, column: 4)
    }
    let function = UInt32(truncatingIfNeeded: (word & EventWord.functionMask) >> EventWord.functionShift)
    switch word & EventWord.kindMask {
    case 1:
      if pendingReturns > TraceFormat.longestRun { flushRun() }
      put(token: UInt8(truncatingIfNeeded: pendingReturns))
      pendingReturns = 0
      put(identifier: function)
      rings.push(function)
      calls &+= 1
      put(step: step, column: 4)
    case 2:
      put(step: step, column: 5)
      if rings.newest == function {
        rings.pop(1)
        pendingReturns &+= 1
        if pendingReturns == 255 { flushRun() }
      } else {
        flushRun()
        put(token: TraceFormat.returnToken)
        put(identifier: function)
        rings.popDown(to: function)
      }
    case 0:
      flushRun()
      put(token: TraceFormat.tailToken)
      put(identifier: function)
      rings.replace(function)
      calls &+= 1
      tails &+= 1
      put(step: step, column: 4)
    default:
      let subkind = (word >> EventWord.subkindShift) & 63
      let payload = UInt32(
        truncatingIfNeeded: (word >> EventWord.payloadShift) & ((1 << EventWord.payloadBits) &- 1))
      flushRun()
      put(token: TraceFormat.extendedToken)
      put(token: UInt8(truncatingIfNeeded: subkind))
      put(identifier: payload)
      if subkind == EventWord.Subkind.unwound.rawValue || subkind == EventWord.Subkind.gap.rawValue {
        rings.pop(payload)
      } else if subkind == EventWord.Subkind.stack.rawValue {
        rings.select(stack: payload)
        sawStacks = true
      }
      put(step: step, column: 4)
    }
  }

  /// Collects the words of register files that a batch begins with; gives how many there are. A file that is not whole is
  /// forgotten.
  private mutating func takeHalves(_ batch: UnsafeBufferPointer<UInt64>) -> Int {
    let kind = EventWord.Subkind.registers.rawValue << EventWord.subkindShift | 3
    guard let first = unsafe batch.first, first & 0xFF == kind else { return 0 }
    var halves: [UInt32] = []
    swap(&halves, &clock.halves)
    var left = clock.halvesLeft
    var index = 0
    while index < batch.count {
      let word = unsafe EventWord(rawValue: batch[index])
      guard word.rawValue & 0xFF == kind else { break }
      let remaining = Int(word.payload)
      if remaining &+ 1 != left { halves.removeAll(keepingCapacity: true) }
      if remaining < 2 * Int(RegisterFiles.mostNames) {
        halves.append(word.half)
        left = remaining
      }
      index &+= 1
    }
    swap(&halves, &clock.halves)
    clock.halvesLeft = left
    return index
  }

  /// Makes the columns of identifiers; one whose bytes are all zero stays empty.
  private mutating func splitIdentifiers() {
    let source = unsafe identifiers.base.assumingMemoryBound(to: UInt32.self)
    var bits: UInt32 = 0
    for index in 0..<identifierCount { unsafe bits |= source[index] }
    for plane in 1...3 {
      let shift = UInt32(8 * (plane - 1))
      guard bits >> shift & 0xFF != 0 else { continue }
      let target = unsafe blocks[plane].base.assumingMemoryBound(to: UInt8.self)
      for index in 0..<identifierCount {
        unsafe target[index] = UInt8(truncatingIfNeeded: source[index] >> shift)
      }
      sizes[plane] = identifierCount
    }
  }
}
