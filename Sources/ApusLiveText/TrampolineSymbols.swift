package import ApusCore
package import ApusELF
package import ApusProbe
package import ApusTrampoline

/// What a debugger must know of a session's trampolines: their names, and how to unwind from them.
package final class TrampolineSymbols {
  private let architecture: Architecture
  private var callFrames: CallFrameSection
  private var symbols: [SymbolFile.Symbol] = []

  /// - Parameter environment: where the session's shadow map is.
  package init(_ architecture: Architecture, _ environment: ProbeEnvironment) {
    self.architecture = architecture
    callFrames = CallFrameSection(architecture, environment)
  }

  /// Adds code that stands at `address`; `name` is that of the function that it is for, or its own.
  package func add(_ blob: CodeBlob, of program: ProbeProgram, at address: Address, name: String) {
    let isReturnedTo = program.role == .returnStub
    callFrames.add(blob, at: address, isReturnedTo: isReturnedTo)
    symbols.append(
      SymbolFile.Symbol(
        name: "apus:\(name)",
        range: AddressRange(address - (isReturnedTo ? 1 : 0), address + UInt64(blob.bytes.count))))
  }

  /// The file as a debugger reads it (`add-symbol-file FILE`).
  ///
  /// - Parameter arenas: where the code is.
  package func file(arenas: [AddressRange]) -> [UInt8] {
    SymbolFile(architecture, text: arenas, symbols: symbols, callFrames: callFrames.bytes).bytes
  }
}
