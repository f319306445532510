/// Makes the payload of an event chunk from buffer words. One encoder serves all threads, one chunk at a
/// time.
///
/// `begin`, any number of `add`, `finish`. It keeps to the layout that ``TraceFormat`` describes.
final class EventEncoder {
  private var columns: EventColumns
  private let matcher = Compressor(.matches)
  private let coder = Compressor(.literals)
  /// Tail calls, in all chunks.
  private(set) var tailCalls: UInt64 = 0

  /// - Parameter names: what the words of register files are; without names there are none.
  init(_ names: RegisterNames) { columns = EventColumns(names) }

  /// The register files of the calls that were taken since `begin`.
  var registers: RegisterFiles { columns.registers }

  /// Starts a chunk.
  func begin(clock: ThreadClock, timed: Bool) { columns.begin(clock: clock, timed: timed) }

  /// Takes words read when the counter stood at `drainCounter`. Together no more than
  /// ``TraceFormat/maximumEvents`` between `begin` and `finish`.
  func add(_ batch: UnsafeBufferPointer<UInt64>, drainCounter: UInt64) {
    unsafe columns.add(batch, drainCounter: drainCounter)
  }

  /// Packs the columns into `output` from byte `offset` on, and fills in the header's sizes, times and
  /// counts. Returns what stays with the thread; `header.events` is 0 if there was nothing.
  func finish(_ header: inout ChunkHeader, into output: inout Block, at offset: Int) -> ThreadClock {
    columns.finish()
    let sizes = columns.sizes
    var needed = offset + TraceFormat.directorySize
    for index in sizes.indices { needed += Compressor.bound(sizes[index]) }
    if output.size < needed { output = Block(size: needed + needed / 2) }
    var at = offset + TraceFormat.directorySize
    var raw = TraceFormat.directorySize
    for index in sizes.indices {
      let size = sizes[index]
      let source = unsafe UnsafeRawBufferPointer(start: columns.blocks[index].base, count: size)
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
    header.firstTime = columns.first
    header.lastTime = columns.clock.last
    header.rawSize = UInt32(raw)
    header.storedSize = UInt32(at - offset)
    header.events = columns.events
    header.calls = columns.calls
    tailCalls += UInt64(columns.tails)
    if columns.sawStacks { header.flags.insert(.stacks) }
    return columns.clock
  }
}
