internal import ApusCore
internal import ApusReport
internal import ApusSystem
internal import ApusTraceFile
internal import CApusLinux
internal import Glibc

/// Whatever the bytes: all reports of what is readable, or an error.
///
/// The first byte says whether checksums are put right first, so that what is behind them is reached too.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzTrace(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
  guard size > 1 else { return 0 }
  var bytes = [UInt8](UnsafeBufferPointer(start: data + 1, count: size - 1))
  if data[0] & 1 != 0 { seal(&bytes) }
  do {
    let file = try FileDescriptor.memory(named: "fuzz", bytes: 0)
    try file.writeFully(bytes, at: 0)
    let reader = try TraceReader(path: "/proc/self/fd/\(file.rawValue)", resynchronise: data[0] & 2 != 0)
    try report(reader, data[0] >> 2)
  } catch { _ = "\(error)" }
  return 0
}

private func report(_ reader: TraceReader, _ choice: UInt8) throws {
  let names = Demangler()
  let null = try TextSink(creating: "/dev/null")
  switch choice % 9 {
  case 0: _ = try SummaryReport.write(reader, SummaryOptions(), demangler: names, to: null)
  case 1: _ = try ReplayReport.write(reader, ReplayOptions(), demangler: names, to: null)
  case 2:
    var options = ReplayOptions()
    options.format = .json
    _ = try ReplayReport.write(reader, options, demangler: names, to: null)
  case 3: _ = try GraphReport.write(reader, GraphOptions(), demangler: names, to: null)
  case 4: try InfoReport.write(reader, InfoOptions(), demangler: names, to: null)
  case 5: _ = try FlameGraphExport.write(reader, threads: ThreadSelection(), demangler: names, to: null)
  case 6: _ = try CollapsedExport.write(reader, threads: ThreadSelection(), demangler: names, to: null)
  case 7: _ = try PerfettoExport.write(reader, threads: ThreadSelection(), demangler: names, to: null)
  default: _ = try ChromeExport.write(reader, threads: ThreadSelection(), demangler: names, to: null)
  }
}

private func word(_ bytes: [UInt8], _ offset: Int) -> Int {
  (0..<4).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
}

private func put(_ bytes: inout [UInt8], _ offset: Int, _ value: UInt64, _ count: Int) {
  for index in 0..<count { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
}

private func sum(_ bytes: [UInt8], _ range: Range<Int>) -> UInt64 {
  bytes.withUnsafeBytes { Checksum.xxh64(UnsafeRawBufferPointer(rebasing: $0[range])) }
}

/// Makes the checksums of a trace file's header and of its chunks what they must be.
private func seal(_ bytes: inout [UInt8]) {
  guard bytes.count >= TraceFormat.headerSize else { return }
  put(&bytes, 88, sum(bytes, 0..<88), 8)
  var chunk = TraceFormat.headerSize
  while chunk + TraceFormat.chunkHeaderSize <= bytes.count {
    put(&bytes, chunk, UInt64(TraceFormat.chunkMagic), 4)
    let payload = chunk + TraceFormat.chunkHeaderSize
    let stored = min(word(bytes, chunk + 44), bytes.count - payload)
    put(&bytes, chunk + 44, UInt64(stored), 4)
    put(&bytes, chunk + 56, sum(bytes, payload..<payload + stored), 4)
    put(&bytes, chunk + 60, sum(bytes, chunk..<chunk + 60), 4)
    chunk = payload + stored
  }
}

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
  _ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<UnsafeMutableRawPointer?>,
  _ test: @convention(c) (UnsafePointer<UInt8>, Int) -> CInt
) -> CInt

/// The package manager gives an executable's main function this name.
@_cdecl("FuzzTrace_main")
public func main(_ count: CInt, _ arguments: UnsafeMutableRawPointer?) -> CInt {
  var count = count
  var arguments = arguments
  return runDriver(&count, &arguments, fuzzTrace)
}
