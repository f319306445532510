import ApusCore
import ApusISA
import ApusProbe
import ApusTrampoline
import Glibc

/// Writes what the emulated process of Tests/MachineCode/runner.c is to run: one call through a stub, on every path, twice.
///
///     CallCode ARCHITECTURE THREAD-POINTER DIRECTORY
///
/// Prints a line for each path: its name, the file, the address of the stub and the end of all code, the bytes of the stub, and
/// `index=value` of each word of the window that must be so after the call; separated by tabs, addresses and values
/// in hexadecimal.
@main
struct CallCode {
  static let code: Address = 0x200_0000
  static let codeBytes: UInt64 = 1 << 20
  static let body: Address = 0x100_0000
  static let returnAddress: Address = 0x100_1000

  let state: EmulatedState
  let memory: CallMemory

  static func main() {
    do { try run() } catch {
      print("CallCode: \(error)")
      exit(1)
    }
  }

  private static func run() throws {
    let arguments = CommandLine.arguments
    guard arguments.count == 4, let state = EmulatedState(arguments[1]),
      let pointer = UInt64(arguments[2], radix: 16)
    else { throw Failure(description: "usage: CallCode ARCHITECTURE THREAD-POINTER DIRECTORY") }
    let generator = CallCode(state: state, memory: CallMemory(threadPointer: pointer))
    for (index, path) in CallPath.all(state.architecture).enumerated() {
      print(try generator.write(path, to: "\(arguments[3])/\(state.architecture)-\(index).in"))
    }
  }

  /// Writes one path's file; its line.
  private func write(_ path: CallPath, to file: String) throws -> String {
    let (bytes, stub, size) = try self.code(path)
    let padded = bytes + [UInt8](repeating: 0, count: -bytes.count & 7)
    var output: [UInt64] = [
      Self.code, UInt64(padded.count), memory.start, UInt64(memory.count), 0, CallMemory.stack,
      CallMemory.stackBytes, 0, 2,
    ]
    output += stride(from: 0, to: padded.count, by: 8).map { start in
      padded[start..<start + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    for _ in 0..<2 {
      output += state.entering(stub, frame: CallMemory.frame, returnAddress: Self.returnAddress)
      output += state.result
      output += memory.contents
    }
    try Self.write(output, to: file)
    let registers = RegisterRecord(RegisterFileLayout(state.architecture))
    let words = memory.afterwards(path, registers).map { "\($0.index)=\(hexadecimal($0.value))" }
    let end = Self.code + UInt64(padded.count)
    return
      ([path.name, file, hexadecimal(stub), hexadecimal(end), String(size)] + words)
      .joined(separator: "\t")
  }

  private static func write(_ words: [UInt64], to file: String) throws {
    guard let stream = unsafe fopen(file, "w") else {
      throw Failure(description: "cannot write \(file): errno \(errno)")
    }
    let written = unsafe fwrite(words, 8, words.count, stream)
    guard unsafe fclose(stream) == 0, written == words.count else {
      throw Failure(description: "cannot write \(file): errno \(errno)")
    }
  }

  private func hexadecimal(_ value: UInt64) -> String { String(value, radix: 16) }

  /// The code of a path's stub and of all that it may call; the stub's address and size.
  private func code(_ path: CallPath) throws -> (bytes: [UInt8], stub: Address, size: Int) {
    let lowering = Lowering(state.architecture)
    let environment = memory.environment(
      state.architecture, isTimed: path.isTimed, slowReturn: Self.code,
      arena: AddressRange(Self.code, Self.code + Self.codeBytes))
    var programs: [(ProbeSymbol?, ProbeProgram)] = [(nil, .slowReturn())]
    programs += Routine.allCases.map { ($0.symbol, $0.program(environment)) }
    programs.append((CallPath.handler, CallPath.handlerProgram))
    programs.append((nil, path.stub(environment)))
    var symbols: [ProbeSymbol: Address] = [:]
    var places: [(blob: CodeBlob, address: Address)] = []
    var next = Self.code
    for (symbol, program) in programs {
      try program.check()
      let blob = try lowering.lower(program)
      if let symbol { symbols[symbol] = next }
      places.append((blob, next))
      next = (next + UInt64(blob.bytes.count) + 63) & ~63
    }
    guard let stub = places.last else { throw Failure(description: "no code") }
    let site = next + UInt64(CallSiteOps.size) + 8
    var bytes: [UInt8] = []
    for (blob, address) in places {
      bytes += [UInt8](repeating: 0, count: Int(address - Self.code) - bytes.count)
      let body = path.sequence == nil ? Self.body : site + UInt64(SiteSequence.bodyOffset)
      bytes += try blob.placed(at: address, body: body) { symbols[$0] }
    }
    guard let sequence = path.sequence else { return (bytes, stub.address, stub.blob.bytes.count) }
    bytes += [UInt8](repeating: 0, count: Int(next - Self.code) - bytes.count)
    bytes += Self.site(sequence, at: site, ops: next, stub: path.isEnabled ? stub.address : nil)
    return (bytes, site, stub.blob.bytes.count)
  }

  /// A call site with its ops at `ops`, the pointer to them, the sequence at `site`, and a jump to the body.
  private static func site(
    _ sequence: SiteSequence, at site: Address, ops: Address, stub: Address?
  ) -> [UInt8] {
    var bytes = (CallSiteOps.words(function: CallPath.function) + [ops]).flatMap { word in
      (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * UInt64($0))) }
    }
    bytes += sequence.code(at: site, stub: stub)
    let place = ops + UInt64(bytes.count)
    var jump = ARM64.Encoder()
    jump.jump(Int(Int64(bitPattern: body &- place)))
    return bytes + jump.bytes
  }
}

/// Why nothing was written.
struct Failure: Error, CustomStringConvertible {
  var description: String
}
