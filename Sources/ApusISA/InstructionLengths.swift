package import ApusCore

/// What code looks like whatever the architecture: where instructions end, and what fills the room between functions.
package enum InstructionLengths {
  /// The offsets after each instruction of `code`, as far as it can be decoded.
  package static func ends(of code: [UInt8], _ architecture: Architecture) -> [Int] {
    switch architecture {
    case .x86_64:
      guard let decoder = try? X86_64.Decoder() else { return [] }
      var result: [Int] = []
      var at = 0
      while at < code.count,
        let instruction = try? decoder.decode(code[at..<min(code.count, at + 16)], at: UInt64(at))
      {
        at += instruction.count
        result.append(at)
      }
      return result
    case .arm64, .ppc64le: return Array(stride(from: 4, through: code.count, by: 4))
    }
  }

  /// Whether bytes are nothing but what assemblers and linkers put between functions.
  package static func isPadding(_ bytes: ArraySlice<UInt8>, _ architecture: Architecture) -> Bool {
    guard bytes.contains(where: { $0 != 0 }) else { return true }
    switch architecture {
    case .x86_64:
      guard let decoder = try? X86_64.Decoder(), let all = try? decoder.decodeAll(Array(bytes), at: 0) else {
        return false
      }
      return all.allSatisfy { $0.isNoOperation || $0.flow == .trap }
    case .arm64, .ppc64le:
      // (Power: also the one that ends a group of instructions, `ori 2,2,0`; Power ISA, 3.3.12.)
      let nops: [[UInt8]] =
        architecture == .arm64 ? [[0x1f, 0x20, 0x03, 0xd5]] : [[0, 0, 0, 0x60], [0, 0, 0x42, 0x60]]
      return stride(from: bytes.startIndex, to: bytes.endIndex, by: 4).allSatisfy { start in
        let word = bytes[start..<min(start + 4, bytes.endIndex)]
        return nops.contains { word.elementsEqual($0) } || word.allSatisfy { $0 == 0 }
      }
    }
  }
}
