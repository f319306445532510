import ApusCore
import ApusISA
import ApusProbe

/// The memory of a thread that has made calls before: its window is where it runs, and its buffer has room. So no slow path
/// has anything to do.
///
/// ```
/// window of the emulated process:  context … cursor … progress │ buffer │ counters │ mirror entry │ chunk table
/// ```
struct CallMemory {
  /// Where sessions have them: constants of few digits are made by fewer instructions.
  private static let contexts: Address = 0x2000_0020_0000
  static let stack: Address = 0x2800_0000
  static let stackBytes: UInt64 = 1 << 16
  static let frame: Address = stack + stackBytes - 256

  private static let bufferBytes: UInt64 = 1 << 16
  private static let counterBytes = UInt64(CallPath.function + 1) * 8

  /// The thread's pointer, and its context, which is at the window's start.
  let threadPointer: UInt64
  let start: Address

  private let buffer: Address
  private let counters: Address
  private let mirror: Address
  private let chunkTable: Address
  /// How many words the window has.
  let count: Int

  init(threadPointer: UInt64) {
    self.threadPointer = threadPointer
    start = Self.contexts + UInt64(ThreadContext.home(of: threadPointer) * ThreadContext.stride)
    buffer = start + UInt64(ThreadContext.progressDistance) + UInt64(ThreadContext.stride)
    counters = buffer + Self.bufferBytes
    mirror = counters + Self.counterBytes
    chunkTable = mirror + 32
    count = Int((chunkTable + UInt64(StackChunk.slotStride) - start) / 8)
  }

  /// What stubs must know of it.
  func environment(
    _ architecture: Architecture, isTimed: Bool, slowReturn: Address, arena: AddressRange
  ) -> ProbeEnvironment {
    ProbeEnvironment(
      contexts: Self.contexts, chunkTable: chunkTable, chunkBits: 15, mirror: mirror,
      control: Self.contexts + UInt64(ThreadContext.privateBytes), lostCalls: counters,
      sharedCounts: counters, slowReturn: slowReturn, arena: arena, isTimed: isTimed, waitsForRoom: true,
      registers: RegisterRecord(RegisterFileLayout(architecture)))
  }

  /// Words by their index in the window.
  private func word(_ offset: Int32) -> Int { Int(offset) / 8 }

  /// What stands there before the call.
  var contents: [UInt64] {
    let low = Self.frame & ~(StackChunk.size - 1)
    let values: [(Int32, UInt64)] = [
      (ThreadContext.threadPointer, threadPointer), (ThreadContext.windowLow, low),
      (ThreadContext.windowDelta, mirror &- Self.frame << 2),
      (ThreadContext.current, low + StackChunk.size), (ThreadContext.windowSlot, chunkTable),
      (ThreadContext.bufferBase, buffer), (ThreadContext.bufferEnd, buffer + Self.bufferBytes),
      (ThreadContext.limit, buffer + Self.bufferBytes), (ThreadContext.capacity, Self.bufferBytes),
      (ThreadContext.counters, counters), (ThreadContext.session, 1),
      (ThreadContext.position, buffer), (ThreadContext.consumed, buffer),
    ]
    var words = [UInt64](repeating: 0, count: count)
    for (offset, value) in values { words[word(offset)] = value }
    words[Int(chunkTable - start) / 8] = Self.frame >> UInt64(StackChunk.shift)
    return words
  }

  /// Words, by their index, as they must be after a call: the events are logged, and no frame is open.
  func afterwards(_ path: CallPath, _ registers: RegisterRecord) -> [(index: Int, value: UInt64)] {
    let events = path.events(registers)
    var result: [(Int, UInt64)] = [
      (word(ThreadContext.position), buffer + UInt64(events * 8)),
      (word(ThreadContext.limit), buffer + Self.bufferBytes),
      (word(ThreadContext.current), contents[word(ThreadContext.current)]),
      (
        Int(counters - start) / 8 + Int(CallPath.function), UInt64(path.counted)
      ),
    ]
    if events > 0, !path.isTimed {
      let first = EventWord(.entry, function: CallPath.function, time: 0).rawValue
      result.append((Int(buffer - start) / 8, first))
    }
    return result
  }
}
