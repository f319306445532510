import ApusCore
import ApusISA
import TestSupport
import Testing

/// What instructions read and write, against a disassembler's listing: which register stands in which place there.
@Suite("arm64 register use") struct ARM64RegisterUseTests {
  /// Instructions that keep a part of what their first operand has, or make something of it.
  private static let keeping = [
    "movk", "bfi", "bfxil", "bfc", "bfm", "pac", "aut", "xpac", "cas", "swp", "ld", "st",
  ]

  private static let writingNone = [
    "cmp", "cmn", "tst", "ccm", "cb", "tb", "br", "bl", "ret", "msr", "prf", "st", "dc", "ic", "at", "tlbi",
    "sys",
  ]

  /// The general registers of an operand list, in order, as numbers; and whether each stands in an address.
  private func registers(_ operands: Substring) -> [(number: UInt32, isInAddress: Bool)] {
    var result: [(UInt32, Bool)] = []
    var isInAddress = false
    for part in operands.split(whereSeparator: { ", {}!".contains($0) }) {
      if part.hasPrefix("[") { isInAddress = true }
      let name = part.drop { $0 == "[" }.prefix { $0 != "]" }
      if name.first == "x" || name.first == "w", let number = UInt32(name.dropFirst()), number < 31 {
        result.append((number, isInAddress))
      }
      if part.hasSuffix("]") { isInAddress = false }
    }
    return result
  }

  /// What is wrong with what is said of an instruction, or nil. (That a register is written may be left unsaid.)
  private func objection(_ use: ARM64.RegisterUse, _ mnemonic: Substring, _ operands: Substring) -> String? {
    let isPair = mnemonic.hasPrefix("ldp") || mnemonic.hasPrefix("ldnp")
    let isLoad = isPair || ["ldr", "ldur", "ldtr"].contains(where: mnemonic.hasPrefix)
    // What is written stands first, if it is a general register.
    let writes =
      (operands.first == "x" || operands.first == "w")
      && !Self.writingNone.contains(where: mnemonic.hasPrefix)
    let keeps = !isLoad && mnemonic != "pacga" && Self.keeping.contains(where: mnemonic.hasPrefix)
    var destinations: UInt32 = 0
    for (index, register) in registers(operands).enumerated() {
      let bit: UInt32 = 1 << register.number
      let isDestination = writes && !register.isInAddress && (index == 0 || index == 1 && isPair)
      if isDestination && !keeps {
        destinations |= bit
      } else if use.reads & bit == 0 {
        return "reads x\(register.number), too"
      }
    }
    return use.writes & ~destinations == 0 ? nil : "does not write \(String(use.writes, radix: 2))"
  }

  /// Lists code in a file, and compares; how many instructions are known.
  private func compare(_ command: String, _ scratch: Scratch) throws -> (known: Int, of: Int) {
    try scratch.run("\(command) > listing")
    var (known, count, wrong) = (0, 0, 0)
    for line in String(decoding: try scratch.read("listing"), as: UTF8.self).split(separator: "\n") {
      let parts = line.split(separator: "\t")
      guard parts.count >= 3, parts[0].hasSuffix(":"),
        let word = UInt32(parts[1].prefix { $0 != " " }, radix: 16),
        !parts[2].hasPrefix("."), !parts[2].contains("undefined")
      else { continue }
      count += 1
      guard let use = ARM64.Decoder().decode(word, at: 0).registerUse else { continue }
      known += 1
      let operands = parts.count > 3 ? parts[3].prefix { $0 != "<" && $0 != "/" } : ""
      guard let objection = objection(use, parts[2].prefix { $0 != " " }, operands) else { continue }
      wrong += 1
      if wrong < 20 { Issue.record("\(line): \(objection)") }
    }
    #expect(wrong == 0)
    return (known, count)
  }

  @Test("is never too few reads nor too many writes, in the C library") func library() throws {
    let scratch = try Scratch()
    let (known, count) = try compare(
      "aarch64-linux-gnu-objdump -d /usr/aarch64-linux-gnu/lib/libc.so.6", scratch)
    print("arm64 register use, C library: \(known) of \(count) instructions are known")
    #expect(count > 200_000 && known > count * 9 / 10)
  }

  @Test("is never too few reads nor too many writes, in random words") func randomWords() throws {
    let scratch = try Scratch()
    var random = Randomness(seed: 0x9e91)
    let bytes = (0..<300_000).flatMap { _ in
      let word = UInt32(truncatingIfNeeded: random.next())
      return (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(8 * $0)) }
    }
    try scratch.write("code", bytes)
    let (known, count) = try compare("aarch64-linux-gnu-objdump -D -b binary -m aarch64 code", scratch)
    print("arm64 register use, random words: \(known) of \(count) instructions are known")
    #expect(known > 50_000)
  }
}
