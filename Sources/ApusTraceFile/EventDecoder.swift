import ApusProbe

/// Makes events from the payload of an event chunk: the inverse of ``EventEncoder``.
///
/// Nothing in a payload can make it read or write outside its buffers: it answers with a reason instead.
@safe final class EventDecoder {
  private let unpacker = Decompressor()
  private var rings = EventRings()
  private var raw = Block(size: 1 << 16)

  private struct Column {
    var start = 0
    var count = 0
  }

  /// Decodes `payload` into `target`, which has room for `header.events`. With a scale, times become
  /// nanoseconds since the first anchor. Returns nil, or why the payload is not valid.
  func decode(
    _ header: ChunkHeader, _ payload: UnsafeRawBufferPointer, scale: ClockScale?,
    into target: UnsafeMutablePointer<TraceEvent>
  ) -> TraceDefect? {
    var columns = [Column](repeating: Column(), count: TraceFormat.columnCount)
    if let defect = unsafe unpack(header, payload, &columns) { return defect }
    return unsafe expand(header, columns, scale: scale, into: target)
  }

  private func unpack(
    _ header: ChunkHeader, _ payload: UnsafeRawBufferPointer, _ columns: inout [Column]
  ) -> TraceDefect? {
    guard let base = payload.baseAddress, payload.count >= TraceFormat.directorySize else {
      return .badColumns
    }
    var total = 0
    var stored = TraceFormat.directorySize
    for index in columns.indices {
      columns[index].start = total
      columns[index].count = unsafe Int(load(UInt32.self, base, index * 8))
      total += columns[index].count
      stored += unsafe Int(load(UInt32.self, base, index * 8 + 4))
    }
    guard total + TraceFormat.directorySize == Int(header.rawSize), stored == payload.count else {
      return .badColumns
    }
    if raw.size < total + 8 { raw = Block(size: total + total / 4 + 8) }
    var at = TraceFormat.directorySize
    for (index, column) in columns.enumerated() {
      let size = unsafe Int(load(UInt32.self, base, index * 8 + 4))
      let source = unsafe UnsafeRawBufferPointer(start: base + at, count: size)
      let target = unsafe UnsafeMutableRawBufferPointer(start: raw.base + column.start, count: column.count)
      if size == column.count {
        unsafe target.copyMemory(from: source)
      } else if unsafe !unpacker.unpack(source, to: target) {
        return .badCompression
      }
      at += size
    }
    return nil
  }

  private func expand(
    _ header: ChunkHeader, _ columns: [Column], scale: ClockScale?,
    into target: UnsafeMutablePointer<TraceEvent>
  ) -> TraceDefect? {
    let timed = header.flags.contains(.timed)
    let tokens = unsafe raw.base + columns[0].start
    let tokenCount = columns[0].count
    let planes = columns[1...3].map { $0.count }
    let idCount = planes.max() ?? 0
    guard planes.allSatisfy({ $0 == 0 || $0 == idCount }) else { return .badColumns }
    let low = unsafe raw.base + columns[1].start
    let middle = unsafe raw.base + columns[2].start
    let high = unsafe raw.base + columns[3].start
    let (hasLow, hasMiddle, hasHigh) = (planes[0] > 0, planes[1] > 0, planes[2] > 0)
    // Where a plane was left out because it was all zeros, there is no count of identifiers to check: reads
    // are then not made at all.
    let idLimit = idCount == 0 ? Int.max : idCount
    let steps = unsafe raw.base + columns[4].start
    let returnSteps = unsafe raw.base + columns[5].start
    let wide = unsafe raw.base + columns[6].start
    let (stepCount, returnStepCount, wideCount) = (columns[4].count, columns[5].count, columns[6].count)
    let eventCount = Int(header.events)
    let ringMask = TraceFormat.ringSize &- 1
    let scale = scale ?? .ticks

    rings.reset()
    var rings = self.rings
    var slots = unsafe rings.slots
    var (top, depth) = (rings.top, rings.depth)
    var (tokenAt, idAt, stepAt, returnStepAt, wideAt, out) = (0, 0, 0, 0, 0, 0)
    var time = header.firstTime

    /// The value of a step whose byte is 248 or more; nil beyond the column.
    @inline(__always) func wideStep(_ byte: UInt8) -> UInt64? {
      let bytes = Int(byte) &- 247
      guard wideAt &+ bytes <= wideCount else { return nil }
      // The block has 8 bytes to spare.
      let value = unsafe load(UInt64.self, wide, wideAt)
      wideAt &+= bytes
      return (bytes == 8 ? value : value & ((1 << UInt64(8 &* bytes)) &- 1)) &+ TraceFormat.widestStep
    }
    @inline(__always) func identifier() -> UInt32 {
      var id: UInt32 = 0
      if hasLow { id = unsafe UInt32(load(UInt8.self, low, idAt)) }
      if hasMiddle { id |= unsafe UInt32(load(UInt8.self, middle, idAt)) << 8 }
      if hasHigh { id |= unsafe UInt32(load(UInt8.self, high, idAt)) << 16 }
      idAt &+= 1
      return id
    }
    @inline(__always) func returns(_ count: Int) -> Bool {
      guard out &+ count <= eventCount, UInt32(truncatingIfNeeded: count) <= depth else { return false }
      if timed, returnStepAt &+ count > returnStepCount { return false }
      for _ in 0..<count {
        if timed {
          let byte = unsafe load(UInt8.self, returnSteps, returnStepAt)
          returnStepAt &+= 1
          if byte < 248 {
            time &+= UInt64(byte)
          } else {
            guard let step = wideStep(byte) else { return false }
            time &+= step
          }
        }
        top &-= 1
        depth &-= 1
        unsafe target[out] = TraceEvent(
          time: scale.convert(time), value: slots[Int(top & ringMask)], kind: .return)
        out &+= 1
      }
      return true
    }
    @inline(__always) func advance() -> Bool {
      guard out < eventCount, idAt < idLimit else { return false }
      guard timed else { return true }
      guard stepAt < stepCount else { return false }
      let byte = unsafe load(UInt8.self, steps, stepAt)
      stepAt &+= 1
      if byte < 248 {
        time &+= UInt64(byte)
      } else {
        guard let step = wideStep(byte) else { return false }
        time &+= step
      }
      return true
    }

    while tokenAt < tokenCount {
      let token = unsafe load(UInt8.self, tokens, tokenAt)
      tokenAt &+= 1
      if token <= TraceFormat.longestRun {
        if token > 0 { guard returns(Int(token)) else { return .badEvents } }
        guard advance() else { return .badEvents }
        let function = identifier()
        unsafe slots[Int(top & ringMask)] = function
        top &+= 1
        if depth < TraceFormat.ringSize { depth &+= 1 }
        unsafe target[out] = TraceEvent(time: scale.convert(time), value: function, kind: .entry)
        out &+= 1
        continue
      }
      (rings.top, rings.depth) = (top, depth)
      switch token {
      case TraceFormat.returnToken:
        // A return's step stands in the other column.
        guard out < eventCount, idAt < idLimit else { return .badEvents }
        if timed {
          guard returnStepAt < returnStepCount else { return .badEvents }
          let byte = unsafe load(UInt8.self, returnSteps, returnStepAt)
          returnStepAt &+= 1
          if byte < 248 {
            time &+= UInt64(byte)
          } else {
            guard let step = wideStep(byte) else { return .badEvents }
            time &+= step
          }
        }
        let function = identifier()
        rings.popDown(to: function)
        unsafe target[out] = TraceEvent(time: scale.convert(time), value: function, kind: .return)
        out &+= 1
      case TraceFormat.tailToken:
        guard advance() else { return .badEvents }
        let function = identifier()
        rings.replace(function)
        unsafe target[out] = TraceEvent(time: scale.convert(time), value: function, kind: .tail)
        out &+= 1
      case TraceFormat.extendedToken:
        guard tokenAt < tokenCount, advance() else { return .badEvents }
        let subkind = unsafe load(UInt8.self, tokens, tokenAt)
        tokenAt &+= 1
        let value = identifier()
        let kind: TraceEvent.Kind
        switch EventWord.Subkind(rawValue: UInt64(subkind)) {
        case .unwound:
          kind = .unwound
          rings.pop(value)
        case .gap:
          kind = .gap
          rings.pop(value)
        case .stack:
          kind = .stack
          rings.select(stack: value)
          unsafe slots = rings.slots
        case .unmatched: kind = .unmatched
        case .registers: kind = .registers
        case .padding, nil: kind = .unknown
        }
        unsafe target[out] = TraceEvent(time: scale.convert(time), value: value, kind: kind)
        out &+= 1
      case TraceFormat.runToken:
        guard tokenAt < tokenCount else { return .badEvents }
        let count = unsafe load(UInt8.self, tokens, tokenAt)
        tokenAt &+= 1
        guard returns(Int(count)) else { return .badEvents }
        (rings.top, rings.depth) = (top, depth)
      default:
        return .badEvents
      }
      (top, depth) = (rings.top, rings.depth)
    }
    self.rings = rings
    return out == eventCount ? nil : .badEvents
  }
}
