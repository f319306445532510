internal import ApusCore
internal import ApusLiveText
internal import ApusProbe
internal import ApusProcess
internal import ApusSystem
internal import Glibc

extension RecordSession {
  /// Begins to note what debuggers must know of the trampolines, if that is asked for: before there are any.
  func beginSymbols(_ memory: SessionMemory) {
    guard options.symbolFile != nil else { return }
    let environment = memory.environment(
      slowReturn: 0, arena: AddressRange(0, 0), isTimed: false, waitsForRoom: false, depthLimit: nil)
    symbols = TrampolineSymbols(tracer.architecture, environment)
  }

  /// Writes the symbol file anew: whoever reads it meanwhile has the old one.
  func writeSymbols() throws(RecordError) {
    guard let symbols, let path = options.symbolFile else { return }
    let bytes = symbols.file(arenas: trampolines.map(\.arena.range))
    do throws(SystemError) {
      let temporary = "\(path).\(process)"
      let file = try FileDescriptor.open(
        temporary, flags: O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o666)
      try file.writeFully(bytes)
      try FileDescriptor.rename(temporary, to: path)
    } catch { throw .symbols(path: path, error) }
  }
}
