import ApusProbe

/// What stays with a thread from one chunk to the next.
struct ThreadClock {
  /// The time of the thread's last event.
  var last: UInt64 = 0
  /// An `unmatched` event was seen, the word with its function is still to come.
  var awaitsFunction = false
  /// Its time.
  var unmatchedTime: UInt64 = 0
}

/// Makes the payload of an event chunk from buffer words. One encoder serves all threads, one chunk at a
/// time.
///
/// `begin`, any number of `add`, `finish`. It keeps to the layout that ``TraceFormat`` describes.
@safe final class EventEncoder {
  private let columns: [Block]
  private var sizes = [Int](repeating: 0, count: TraceFormat.columnCount)
  private var rings = EventRings()
  private var pendingReturns: UInt32 = 0
  private var identifierBits: UInt32 = 0
  private let matcher = Compressor(.matches)
  private let coder = Compressor(.literals)

  /// Words taken since `begin`.
  private(set) var words = 0
  private var events: UInt32 = 0
  private var calls: UInt32 = 0
  private var sawStacks = false
  private var hasFirst = false
  private var first: UInt64 = 0
  private var clock = ThreadClock()
  private var timed = false

  init() {
    let most = TraceFormat.maximumEvents
    columns = [4, 1, 1, 1, 1, 1, 8].map { Block(size: most * $0 + 64) }
  }

  /// Starts a chunk.
  func begin(clock: ThreadClock, timed: Bool) {
    for index in sizes.indices { sizes[index] = 0 }
    rings.reset()
    (pendingReturns, identifierBits, words, events, calls) = (0, 0, 0, 0, 0)
    sawStacks = false
    (hasFirst, first) = (false, 0)
    self.clock = clock
    self.timed = timed
  }

  /// Takes words read when the counter stood at `drainCounter`. Together no more than
  /// ``TraceFormat/maximumEvents`` between `begin` and `finish`.
  func add(_ batch: UnsafeBufferPointer<UInt64>, drainCounter: UInt64) {
    let timed = self.timed
    let tokens = unsafe columns[0].base.assumingMemoryBound(to: UInt8.self)
    let low = unsafe columns[1].base.assumingMemoryBound(to: UInt8.self)
    let middle = unsafe columns[2].base.assumingMemoryBound(to: UInt8.self)
    let high = unsafe columns[3].base.assumingMemoryBound(to: UInt8.self)
    let entrySteps = unsafe columns[4].base.assumingMemoryBound(to: UInt8.self)
    let returnSteps = unsafe columns[5].base.assumingMemoryBound(to: UInt8.self)
    let wide = unsafe columns[6].base.assumingMemoryBound(to: UInt8.self)
    var (tokenCount, idCount) = (sizes[0], sizes[1])
    var (entryStepCount, returnStepCount, wideCount) = (sizes[4], sizes[5], sizes[6])
    var rings = self.rings
    var slots = unsafe rings.slots
    var (top, depth) = (rings.top, rings.depth)
    var pendingReturns = self.pendingReturns
    var identifierBits = self.identifierBits
    var last = clock.last
    var (awaitsFunction, unmatchedTime) = (clock.awaitsFunction, clock.unmatchedTime)
    var (hasFirst, first) = (self.hasFirst, self.first)
    let unmatchedBits = EventWord.Subkind.unmatched.rawValue << EventWord.subkindShift | 3
    var (events, calls) = (self.events, self.calls)
    let ringMask = TraceFormat.ringSize &- 1
    let timeMask: UInt64 = (1 << EventWord.timeBits) &- 1

    @inline(__always) func put(id: UInt32) {
      unsafe low[idCount] = UInt8(truncatingIfNeeded: id)
      unsafe middle[idCount] = UInt8(truncatingIfNeeded: id >> 8)
      unsafe high[idCount] = UInt8(truncatingIfNeeded: id >> 16)
      identifierBits |= id
      idCount &+= 1
    }
    @inline(__always) func put(token: UInt8) {
      unsafe tokens[tokenCount] = token
      tokenCount &+= 1
    }
    @inline(__always) func flushRun() {
      guard pendingReturns > 0 else { return }
      put(token: TraceFormat.runToken)
      put(token: UInt8(truncatingIfNeeded: pendingReturns))
      pendingReturns = 0
    }
    @inline(__always) func stepByte(_ step: UInt64) -> UInt8 {
      if step < TraceFormat.widestStep { return UInt8(truncatingIfNeeded: step) }
      return wideStep(step)
    }
    @inline(__always) func wideStep(_ step: UInt64) -> UInt8 {
      let value = step &- TraceFormat.widestStep
      let bytes = max(1, (71 &- value.leadingZeroBitCount) / 8)
      unsafe store(value, UnsafeMutableRawPointer(wide), wideCount)
      wideCount &+= bytes
      return UInt8(truncatingIfNeeded: 247 &+ bytes)
    }

    for index in 0..<batch.count {
      let word = unsafe batch[index]
      var time = last
      var isUnmatched = false
      if awaitsFunction {
        awaitsFunction = false
        isUnmatched = true
        time = max(last, unmatchedTime)
      } else {
        if word == 0 || word & 0xFF == 3 { continue }  // not written, or padding
        if timed {
          let age = (drainCounter &- word >> EventWord.timeShift) & timeMask
          time = max(last, drainCounter &- age)
        }
        if word & 0xFF == unmatchedBits {
          awaitsFunction = true
          unmatchedTime = time
          continue
        }
      }
      if !hasFirst {
        hasFirst = true
        first = time
        last = time
      }
      let step = time &- last
      last = time
      events &+= 1
      if isUnmatched {
        flushRun()
        put(token: TraceFormat.extendedToken)
        put(token: UInt8(truncatingIfNeeded: EventWord.Subkind.unmatched.rawValue))
        put(id: UInt32(truncatingIfNeeded: word >> 1) & 0xFF_FFFF)
        if timed {
          unsafe entrySteps[entryStepCount] = stepByte(step)
          entryStepCount &+= 1
        }
        continue
      }
      let kind = word & EventWord.kindMask
      let function = UInt32(truncatingIfNeeded: (word & EventWord.functionMask) >> EventWord.functionShift)
      if kind == 1 {
        if pendingReturns > TraceFormat.longestRun { flushRun() }
        put(token: UInt8(truncatingIfNeeded: pendingReturns))
        pendingReturns = 0
        put(id: function)
        unsafe slots[Int(top & ringMask)] = function
        top &+= 1
        if depth < TraceFormat.ringSize { depth &+= 1 }
        calls &+= 1
        if timed {
          unsafe entrySteps[entryStepCount] = stepByte(step)
          entryStepCount &+= 1
        }
      } else if kind == 2 {
        if timed {
          unsafe returnSteps[returnStepCount] = stepByte(step)
          returnStepCount &+= 1
        }
        if unsafe depth > 0 && slots[Int((top &- 1) & ringMask)] == function {
          top &-= 1
          depth &-= 1
          pendingReturns &+= 1
          if pendingReturns == 255 { flushRun() }
        } else {
          flushRun()
          put(token: TraceFormat.returnToken)
          put(id: function)
          (rings.top, rings.depth) = (top, depth)
          rings.popDown(to: function)
          (top, depth) = (rings.top, rings.depth)
        }
      } else if kind == 0 {
        flushRun()
        put(token: TraceFormat.tailToken)
        put(id: function)
        (rings.top, rings.depth) = (top, depth)
        rings.replace(function)
        (top, depth) = (rings.top, rings.depth)
        calls &+= 1
        if timed {
          unsafe entrySteps[entryStepCount] = stepByte(step)
          entryStepCount &+= 1
        }
      } else {
        let subkind = (word >> EventWord.subkindShift) & 63
        let payload = UInt32(
          truncatingIfNeeded: (word >> EventWord.payloadShift) & ((1 << EventWord.payloadBits) &- 1))
        flushRun()
        put(token: TraceFormat.extendedToken)
        put(token: UInt8(truncatingIfNeeded: subkind))
        put(id: payload)
        (rings.top, rings.depth) = (top, depth)
        if subkind == EventWord.Subkind.unwound.rawValue || subkind == EventWord.Subkind.gap.rawValue {
          rings.pop(payload)
        } else if subkind == EventWord.Subkind.stack.rawValue {
          rings.select(stack: payload)
          unsafe slots = rings.slots
          sawStacks = true
        }
        (top, depth) = (rings.top, rings.depth)
        if timed {
          unsafe entrySteps[entryStepCount] = stepByte(step)
          entryStepCount &+= 1
        }
      }
    }

    (rings.top, rings.depth) = (top, depth)
    self.rings = rings
    sizes[0] = tokenCount
    for plane in 1...3 { sizes[plane] = idCount }
    (sizes[4], sizes[5], sizes[6]) = (entryStepCount, returnStepCount, wideCount)
    (self.pendingReturns, self.identifierBits) = (pendingReturns, identifierBits)
    clock = ThreadClock(last: last, awaitsFunction: awaitsFunction, unmatchedTime: unmatchedTime)
    (self.hasFirst, self.first) = (hasFirst, first)
    (self.events, self.calls) = (events, calls)
    words += batch.count
  }

  /// Packs the columns into `output` from byte `offset` on, and fills in the header's sizes, times and
  /// counts. Returns what stays with the thread; `header.events` is 0 if there was nothing.
  func finish(_ header: inout ChunkHeader, into output: inout Block, at offset: Int) -> ThreadClock {
    if pendingReturns > 0 {
      unsafe store(TraceFormat.runToken, columns[0].base, sizes[0])
      unsafe store(UInt8(truncatingIfNeeded: pendingReturns), columns[0].base, sizes[0] + 1)
      sizes[0] += 2
      pendingReturns = 0
    }
    for plane in 1...3 where identifierBits >> UInt32(8 * (plane - 1)) & 0xFF == 0 { sizes[plane] = 0 }
    let needed = sizes.reduce(offset + TraceFormat.directorySize) { $0 + Compressor.bound($1) }
    if output.size < needed { output = Block(size: needed + needed / 2) }
    var at = offset + TraceFormat.directorySize
    var raw = TraceFormat.directorySize
    for (index, size) in sizes.enumerated() {
      let source = unsafe UnsafeRawBufferPointer(start: columns[index].base, count: size)
      let target = unsafe UnsafeMutableRawBufferPointer(rebasing: output.bytes[at...])
      let packer = index == 4 || index == 5 ? coder : matcher
      let stored: Int
      if let packed = unsafe packer.pack(source, to: target) {
        stored = packed
      } else {
        unsafe target.copyMemory(from: source)
        stored = size
      }
      unsafe store(UInt32(size), output.base, offset + index * 8)
      unsafe store(UInt32(stored), output.base, offset + index * 8 + 4)
      at += stored
      raw += size
    }
    header.firstTime = first
    header.lastTime = clock.last
    header.rawSize = UInt32(raw)
    header.storedSize = UInt32(at - offset)
    header.events = events
    header.calls = calls
    if sawStacks { header.flags.insert(.stacks) }
    return clock
  }
}
