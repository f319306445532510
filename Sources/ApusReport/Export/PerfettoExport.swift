package import ApusTraceFile

/// `export --format perfetto`: a stream of TracePackets (perfetto/protos/perfetto/trace/trace_packet.proto)
/// with a track for each process and thread, and slices whose names are interned. Timestamps are
/// CLOCK_MONOTONIC. Frames that never returned stay open.
package enum PerfettoExport {
  /// Writes the packets.
  package static func write(
    _ reader: TraceReader, threads: ThreadSelection, demangler: Demangler, to sink: TextSink
  ) throws(ReportError) -> ReportOutcome {
    let names = FunctionNames(reader, demangler)
    var visitor = PerfettoVisitor(reader, names: names, sink: sink)
    visitor.begin(clock: reader.clock)
    for process in reader.contents.processes.values.sorted(by: { $0.key < $1.key }) {
      visitor.describe(process)
    }
    let (_, outcome) = reader.visit(visitor, order: .stacks, threads: threads, for: sink) { _ in }
    try sink.finish()
    return outcome
  }
}

/// Numbers of the schema's fields.
private enum Field {
  // Trace
  static let packet: UInt64 = 1
  // TracePacket
  static let clockSnapshot: UInt64 = 6
  static let timestamp: UInt64 = 8
  static let sequence: UInt64 = 10
  static let trackEvent: UInt64 = 11
  static let internedData: UInt64 = 12
  static let sequenceFlags: UInt64 = 13
  static let timestampClock: UInt64 = 58
  static let trackDescriptor: UInt64 = 60
  // TrackEvent
  static let eventType: UInt64 = 9
  static let eventNameIID: UInt64 = 10
  static let eventTrack: UInt64 = 11
}

private struct PerfettoVisitor: FrameVisitor {
  private static let monotonic: UInt64 = 3  // BUILTIN_CLOCK_MONOTONIC
  private static let realtime: UInt64 = 1
  private static let processTrack: UInt64 = 1 << 32
  private static let threadTrack: UInt64 = 2 << 32
  private static let sequence: UInt64 = 1

  let names: FunctionNames
  let sink: TextSink
  let origin: UInt64
  let threads: [UInt32: ThreadRecord]
  private var interned: Set<UInt32> = []
  private var described: Set<UInt32> = []
  private var isFirst = true
  private var packet = ProtobufWriter()
  private var event = ProtobufWriter()

  init(_ reader: TraceReader, names: FunctionNames, sink: TextSink) {
    self.names = names
    self.sink = sink
    origin = reader.clock.first.monotonic
    threads = reader.contents.threads
  }

  private mutating func emit(_ packet: ProtobufWriter) {
    var outer = ProtobufWriter()
    outer.field(Field.packet, packet.bytes)
    sink.write(outer.bytes)
  }

  mutating func begin(clock: ClockDescription) {
    var packet = ProtobufWriter()
    packet.message(Field.clockSnapshot) { snapshot in
      for (id, time) in [(Self.monotonic, clock.first.monotonic), (Self.realtime, clock.first.realtime)] {
        snapshot.message(1) {
          $0.field(1, id)
          $0.field(2, time)
        }
      }
      snapshot.field(2, Self.monotonic)
    }
    packet.field(Field.sequence, Self.sequence)
    emit(packet)
  }

  mutating func describe(_ process: ProcessRecord) {
    var packet = ProtobufWriter()
    packet.message(Field.trackDescriptor) { track in
      track.field(1, Self.processTrack | UInt64(process.key))
      track.message(3) {
        $0.field(1, UInt64(process.pid))
        $0.field(6, process.executable)
      }
    }
    packet.field(Field.sequence, Self.sequence)
    emit(packet)
  }

  private mutating func describe(thread key: UInt32, process: UInt32) {
    var packet = ProtobufWriter()
    packet.message(Field.trackDescriptor) { track in
      track.field(1, Self.threadTrack | UInt64(key))
      track.field(5, Self.processTrack | UInt64(process))
      track.message(4) {
        $0.field(1, UInt64(names.pid(process)))
        $0.field(2, UInt64(names.tid(key)))
        $0.field(5, threads[key]?.name ?? "")
      }
    }
    packet.field(Field.sequence, Self.sequence)
    emit(packet)
  }

  func spend(_ duration: UInt64, tag: UInt64) {}

  /// The tag is the thread's key: a frame ends on the track on which it began.
  mutating func enter(
    _ function: UInt32, time: UInt64, depth: UInt32, parent: Frame?, thread: ThreadState, stack: FrameStack
  ) -> UInt64 {
    if described.insert(thread.key).inserted { describe(thread: thread.key, process: thread.process) }
    let isNew = interned.insert(function).inserted
    write(type: 1, time: time, thread: thread.key, function: function, intern: isNew)
    return UInt64(thread.key)
  }

  mutating func leave(_ frame: Frame, time: UInt64, end: FrameEnd, thread: ThreadState, stack: FrameStack) {
    guard end != .open, end != .unknown else { return }
    write(type: 2, time: time, thread: UInt32(truncatingIfNeeded: frame.tag), function: nil, intern: false)
  }

  private mutating func write(type: UInt64, time: UInt64, thread: UInt32, function: UInt32?, intern: Bool) {
    guard !sink.isClosed else { return }
    event.bytes.removeAll(keepingCapacity: true)
    event.field(Field.eventType, type)
    if let function { event.field(Field.eventNameIID, UInt64(function) + 1) }
    event.field(Field.eventTrack, Self.threadTrack | UInt64(thread))
    packet.bytes.removeAll(keepingCapacity: true)
    packet.field(Field.timestamp, origin &+ time)
    packet.field(Field.timestampClock, Self.monotonic)
    packet.field(Field.sequence, Self.sequence)
    if isFirst {
      packet.field(Field.sequenceFlags, 1 | 2)  // SEQ_INCREMENTAL_STATE_CLEARED, SEQ_NEEDS_INCREMENTAL_STATE
      isFirst = false
    } else {
      packet.field(Field.sequenceFlags, 2)
    }
    if intern, let function {
      packet.message(Field.internedData) { data in
        data.message(2) {
          $0.field(1, UInt64(function) + 1)
          $0.field(2, names.name(function))
        }
      }
    }
    packet.field(Field.trackEvent, event.bytes)
    emit(packet)
  }
}
