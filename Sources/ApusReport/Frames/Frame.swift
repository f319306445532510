import ApusTraceFile

/// An open call.
struct Frame {
  /// The function's identifier.
  var function: UInt32
  /// What the visitor gave when it was entered.
  var tag: UInt64
  /// When it was entered, ns.
  var start: UInt64
  /// 0 for a thread's outermost.
  var depth: UInt32
  /// Index of the thread that entered it.
  var thread: UInt32
}

/// How a frame was left.
enum FrameEnd: Sendable, Hashable {
  /// It returned, or was left by a tail call.
  case returned
  /// It was left without returning: longjmp, an exception, a return further out.
  case unwound
  /// It returned while events were lost: when is not known.
  case unseen
  /// It never returned: the trace, or its thread, ended first.
  case open
  /// It was called, and more was not recorded (level entry).
  case unknown
}

/// What a report wants to hear of calls. Times are ns since the first anchor.
protocol FrameVisitor {
  /// A call. What it returns is kept with the frame.
  mutating func enter(
    _ function: UInt32, time: UInt64, depth: UInt32, parent: Frame?, thread: ThreadState, stack: FrameStack
  ) -> UInt64
  /// A frame was left. `stack` is the one that it stood on; the frame is no longer there.
  mutating func leave(_ frame: Frame, time: UInt64, end: FrameEnd, thread: ThreadState, stack: FrameStack)
  /// For so long the frame with this tag was its thread's innermost.
  mutating func spend(_ duration: UInt64, tag: UInt64)
}

/// A call's registers.
struct RecordedRegisters {
  /// What the words are.
  var names: RegisterNames
  /// As they were at the call site.
  var words: ArraySlice<UInt64>
}

/// A thread of the trace.
final class ThreadState {
  /// Counted from 0 in the order of first events.
  let index: UInt32
  /// The key in the file.
  let key: UInt32
  /// The process's key.
  let process: UInt32
  /// The time of its last event.
  var lastTime: UInt64
  /// The register file of its next call, if that has one and somebody asked for it.
  var registers: RecordedRegisters?
  /// The stack it is on, and the one it started on.
  var current: FrameStack
  let implicit: FrameStack

  init(index: UInt32, key: UInt32, process: UInt32, time: UInt64) {
    self.index = index
    self.key = key
    self.process = process
    lastTime = time
    implicit = FrameStack()
    current = implicit
  }
}

/// The open frames of one stack chunk.
@safe final class FrameStack {
  private(set) var base: UnsafeMutablePointer<Frame>
  private(set) var capacity = 32
  /// How many frames are open.
  var count = 0
  /// The chunk whose innermost frame called the outermost frame here, unless the chunk is a thread's first.
  var parent: FrameStack?

  /// For each row of a report: how many of its frames are open here.
  private(set) var open: UnsafeMutablePointer<UInt32>
  private(set) var openCapacity = 0

  init() {
    unsafe base = UnsafeMutablePointer<Frame>.allocate(capacity: 32)
    unsafe open = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
  }

  deinit {
    unsafe base.deallocate()
    unsafe open.deallocate()
  }

  /// Makes room for one more.
  func grow() {
    let bigger = UnsafeMutablePointer<Frame>.allocate(capacity: capacity * 2)
    unsafe bigger.moveInitialize(from: base, count: count)
    unsafe base.deallocate()
    unsafe base = bigger
    capacity *= 2
  }

  /// Makes room to count rows up to `row`.
  func growOpen(to row: Int) {
    let size = max(16, (row + 1) * 2)
    let bigger = UnsafeMutablePointer<UInt32>.allocate(capacity: size)
    unsafe bigger.initialize(repeating: 0, count: size)
    unsafe bigger.update(from: open, count: openCapacity)
    unsafe open.deallocate()
    unsafe open = bigger
    openCapacity = size
  }

  /// The innermost frame: here or, if nothing is open here, where this chunk was entered from.
  var innermost: Frame? {
    var stack = self
    while stack.count == 0 {
      guard let parent = stack.parent else { return nil }
      stack = parent
    }
    return unsafe stack.base[stack.count - 1]
  }
}
