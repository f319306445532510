import TestSupport

extension Scratch {
  /// What a cross assembler makes of several pieces of text.
  ///
  /// - Parameter tools: how the names of its tools begin, and options for it.
  static func assemble(_ pieces: [String], _ tools: (prefix: String, options: String)) throws -> [[UInt8]] {
    let scratch = try Scratch()
    // A word that no piece has in it ends each.
    let mark: [UInt8] = [0xde, 0xc0, 0xad, 0x0b]
    let text = ".text\n" + pieces.map { $0 + "\n.4byte 0x0badc0de\n" }.joined()
    try scratch.write("t.s", Array(text.utf8))
    try scratch.run(
      "\(tools.prefix)as \(tools.options) t.s -o t.o && \(tools.prefix)objcopy -O binary -j .text t.o t.bin")
    var result: [[UInt8]] = [[]]
    let bytes = try scratch.read("t.bin")
    for place in stride(from: 0, to: bytes.count, by: 4) {
      let word = Array(bytes[place..<place + 4])
      if word == mark { result.append([]) } else { result[result.count - 1] += word }
    }
    return Array(result.dropLast())
  }
}
