import ApusTraceFile

/// What a trace says of one function.
package struct FunctionStatistics: Sendable, Hashable {
  /// Its identifier.
  package var function: UInt32
  /// How often it was called, returned or not.
  package var calls: UInt64 = 0
  /// ns from entry to end, outermost activations only.
  package var total: UInt64 = 0
  /// ns for which it was a thread's innermost function.
  package var own: UInt64 = 0
  /// The shortest call that ended, ns; nil if none did.
  package var least: UInt64?
  /// The longest call that ended, ns.
  package var most: UInt64?
}

/// Adds up calls, by function.
@safe struct StatisticsVisitor: FrameVisitor {
  private struct Row {
    var function: UInt32
    var calls: UInt64 = 0
    var total: UInt64 = 0
    var own: UInt64 = 0
    var least: UInt64 = .max
    var most: UInt64 = 0
  }

  private let storage = Storage()

  /// The rows, and where each function's row is.
  @safe private final class Storage {
    var rows: UnsafeMutablePointer<Row>
    var rowCount = 0
    var rowCapacity = 256
    var index: UnsafeMutablePointer<UInt32>
    var indexCapacity = 1024

    init() {
      unsafe rows = UnsafeMutablePointer<Row>.allocate(capacity: 256)
      unsafe index = UnsafeMutablePointer<UInt32>.allocate(capacity: 1024)
      unsafe index.initialize(repeating: .max, count: 1024)
    }

    deinit {
      unsafe rows.deallocate()
      unsafe index.deallocate()
    }

    @inline(__always) func row(of function: UInt32) -> UInt32 {
      if Int(function) < indexCapacity {
        let row = unsafe index[Int(function)]
        if row != .max { return row }
      }
      return addRow(for: function)
    }

    @inline(never) func addRow(for function: UInt32) -> UInt32 {
      if Int(function) >= indexCapacity {
        // Identifiers have 24 bits: 64 MiB at most.
        let capacity = max(Int(function) + 1, indexCapacity * 2)
        let bigger = UnsafeMutablePointer<UInt32>.allocate(capacity: capacity)
        unsafe bigger.initialize(repeating: .max, count: capacity)
        unsafe bigger.update(from: index, count: indexCapacity)
        unsafe index.deallocate()
        unsafe index = bigger
        indexCapacity = capacity
      }
      if rowCount == rowCapacity {
        let bigger = UnsafeMutablePointer<Row>.allocate(capacity: rowCapacity * 2)
        unsafe bigger.moveInitialize(from: rows, count: rowCount)
        unsafe rows.deallocate()
        unsafe rows = bigger
        rowCapacity *= 2
      }
      unsafe (rows + rowCount).initialize(to: Row(function: function))
      unsafe index[Int(function)] = UInt32(rowCount)
      rowCount += 1
      return UInt32(rowCount - 1)
    }
  }

  /// The tag: the row, doubled, plus 1 if no other activation of the function was open.
  @inline(__always)
  func enter(
    _ function: UInt32, time: UInt64, depth: UInt32, parent: Frame?, thread: ThreadState, stack: FrameStack
  ) -> UInt64 {
    let row = storage.row(of: function)
    unsafe storage.rows[Int(row)].calls &+= 1
    if Int(row) >= stack.openCapacity { stack.growOpen(to: Int(row)) }
    let before = unsafe stack.open[Int(row)]
    unsafe stack.open[Int(row)] = before &+ 1
    if before > 0 { return UInt64(row) << 1 }
    if stack.parent != nil, isOpen(row, from: stack.parent) { return UInt64(row) << 1 }
    return UInt64(row) << 1 | 1
  }

  private func isOpen(_ row: UInt32, from stack: FrameStack?) -> Bool {
    var stack = stack
    while let chunk = stack {
      if unsafe Int(row) < chunk.openCapacity && chunk.open[Int(row)] > 0 { return true }
      stack = chunk.parent
    }
    return false
  }

  @inline(__always)
  func leave(_ frame: Frame, time: UInt64, end: FrameEnd, thread: ThreadState, stack: FrameStack) {
    let row = Int(frame.tag >> 1)
    unsafe stack.open[row] &-= 1
    let duration = time &- frame.start
    if frame.tag & 1 != 0 { unsafe storage.rows[row].total &+= duration }
    if end == .returned || end == .unwound {
      if unsafe duration < storage.rows[row].least { unsafe storage.rows[row].least = duration }
      if unsafe duration > storage.rows[row].most { unsafe storage.rows[row].most = duration }
    }
  }

  @inline(__always) func spend(_ duration: UInt64, tag: UInt64) {
    unsafe storage.rows[Int(tag >> 1)].own &+= duration
  }

  /// The sums, in the order of first calls.
  var statistics: [FunctionStatistics] {
    (0..<storage.rowCount).map { index in
      let row = unsafe storage.rows[index]
      let ended = row.least <= row.most
      return FunctionStatistics(
        function: row.function, calls: row.calls, total: row.total, own: row.own,
        least: ended ? row.least : nil, most: ended ? row.most : nil)
    }
  }
}

extension TraceReader {
  /// Adds up all calls by function: those among the events, and those counted at level count.
  package func statistics(threads: ThreadSelection = ThreadSelection()) -> (
    [FunctionStatistics], ReportOutcome
  ) {
    let (visitor, outcome) = visit(StatisticsVisitor(), order: .stacks, threads: threads) { _ in }
    var sums = visitor.statistics
    var place: [UInt32: Int] = [:]
    for (index, sum) in sums.enumerated() { place[sum.function] = index }
    let keys = threads.keys(in: self)
    for (thread, counts) in contents.counts.sorted(by: { $0.key < $1.key })
    where keys?.contains(thread) ?? true {
      for (function, count) in counts.sorted(by: { $0.key < $1.key }) {
        if let index = place[function] {
          sums[index].calls &+= count
        } else {
          place[function] = sums.count
          sums.append(FunctionStatistics(function: function, calls: count))
        }
      }
    }
    return (sums, outcome)
  }
}
