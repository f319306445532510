import ApusTraceFile

/// What functions are called, for output.
final class FunctionNames {
  private let contents: TraceContents
  private let demangler: Demangler
  private var names: [UInt32: String] = [:]

  init(_ reader: TraceReader, _ demangler: Demangler) {
    contents = reader.contents
    self.demangler = demangler
  }

  /// The readable name; a number if the trace does not name the function.
  func name(_ function: UInt32) -> String {
    if let name = names[function] { return name }
    let name: String
    if function == 0 {
      name = "(more call paths)"
    } else if let record = contents.functions[function] {
      name = record.name.isEmpty ? "0x" + String(record.address, radix: 16) : demangler.name(record.name)
    } else {
      name = "function \(function)"
    }
    names[function] = name
    return name
  }

  /// The file name of its module, or nothing.
  func module(_ function: UInt32) -> String {
    contents.functions[function].flatMap { contents.modules[$0.module]?.name } ?? ""
  }

  /// The path of its module, or nothing.
  func path(_ function: UInt32) -> String {
    contents.functions[function].flatMap { contents.modules[$0.module]?.path } ?? ""
  }

  /// Its address in the module's file.
  func address(_ function: UInt32) -> UInt64 { contents.functions[function]?.address ?? 0 }

  /// The thread identifier of a key.
  func tid(_ thread: UInt32) -> UInt32 { contents.threads[thread]?.tid ?? thread }

  /// The process identifier of a process key.
  func pid(_ process: UInt32) -> UInt32 { contents.processes[process]?.pid ?? process }
}
