import ApusISA
import TestSupport
import Testing

/// The cross tools of Debian's, and clang; what they say of Power code.
enum PowerTools {
  /// The bytes of assembly lines.
  static func assemble(_ lines: [String], with command: String = gnu) throws -> [UInt8] {
    let scratch = try Scratch()
    try scratch.write("t.s", ".text\n" + lines.joined(separator: "\n") + "\n")
    try scratch.run("\(command) t.s -o t.o && powerpc64le-linux-gnu-objcopy -O binary -j .text t.o t.bin")
    return try scratch.read("t.bin")
  }
  static let gnu = "powerpc64le-linux-gnu-as -mpower8"
  static let clang = "clang --target=powerpc64le-linux-gnu -mcpu=pwr8 -c"

  /// What the disassembler says of each word: its mnemonic and operands.
  static func disassemble(_ words: [UInt32], at address: UInt64) throws -> [(
    mnemonic: String, operands: String
  )] {
    let scratch = try Scratch()
    try scratch.write("t.s", ".text\n" + words.map { ".long \($0)" }.joined(separator: "\n") + "\n")
    try scratch.run(
      "\(gnu) t.s -o t.o && powerpc64le-linux-gnu-objcopy -O binary -j .text t.o t.bin"
        + " && powerpc64le-linux-gnu-objdump -D -z -b binary -EL -m powerpc:common64 -M power9"
        + " --adjust-vma=\(address) t.bin > t.txt")
    let text = String(decoding: try scratch.read("t.txt"), as: UTF8.self)
    return text.split(separator: "\n").compactMap { line in
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
      guard fields.count >= 3 else { return nil }
      let body = fields[2].split(separator: " ", maxSplits: 1)
      guard let first = body.first else { return nil }
      return (String(first), body.count > 1 ? String(body[1].drop { $0 == " " }) : "")
    }
  }
}

@Suite("ppc64le encoder")
struct PPC64LEEncoderTests {
  @Test("writes what two assemblers write, for every form and 100,000 random operands")
  func agreesWithAssemblers() throws {
    var random = Randomness(seed: 0xa905)
    var code = PPC64LE.Encoder()
    var lines: [String] = []
    let forms = PPC64LEEncoderForm.all
    for index in 0..<100_000 { lines.append(forms[index % forms.count].write(&code, &random)) }
    #expect(forms.count > 50)
    let ours = code.bytes
    try #require(ours.count == 4 * lines.count)
    for tool in [PowerTools.gnu, PowerTools.clang] {
      let theirs = try PowerTools.assemble(lines, with: tool)
      #expect(theirs.count == ours.count)
      for (index, line) in lines.enumerated() where theirs.count >= 4 * index + 4 {
        let range = 4 * index..<4 * index + 4
        guard ours[range] != theirs[range] else { continue }
        Issue.record("\(line): we write \(hex(ours[range])), \(tool) \(hex(theirs[range]))")
        return
      }
    }
    print("ppc64le encoder: \(forms.count) forms, \(lines.count) instructions, two assemblers")
  }

  /// Assembly text beside the words.
  static let golden: [(String, UInt32, @Sendable (inout PPC64LE.Encoder) -> Void)] = [
    ("mflr 0", 0x7c08_02a6, { $0.move(.r0, from: .link) }),
    ("mtlr 0", 0x7c08_03a6, { $0.move(to: .link, .r0) }),
    ("mftb 3", 0x7c6c_42a6, { $0.move(.r3, from: .timeBase) }),
    ("stdu 1, -112(1)", 0xf821_ff91, { $0.storeUpdating(.init(.r1, -112), .r1) }),
    ("std 0, 16(1)", 0xf801_0010, { $0.store(.init(.r1, 16), .r0, .eight) }),
    ("blr", 0x4e80_0020, { $0.return() }),
    ("bctrl", 0x4e80_0421, { $0.callThroughCount() }),
    ("bl .+8", 0x4800_0009, { $0.call(8) }),
    ("bne .-16", 0x4082_fff0, { $0.branch(.notEqual, -16) }),
    ("nop", 0x6000_0000, { $0.noOperation() }),
    ("trap", 0x7fe0_0008, { $0.trap() }),
    ("dcbtst 0, 9", 0x7c00_49ec, { $0.prefetchForStore(.r0, .r9) }),
    ("sync", 0x7c00_04ac, { $0.synchronize(.heavy) }),
    ("lwsync", 0x7c20_04ac, { $0.synchronize(.light) }),
    ("isync", 0x4c00_012c, { $0.instructionSynchronize() }),
    ("mfocrf 12, 128", 0x7d98_0026, { $0.moveCondition(.r12, field: 0) }),
    ("mtocrf 128, 12", 0x7d98_0120, { $0.moveCondition(field: 0, .r12) }),
  ]

  @Test("writes the words in the table")
  func goldenWords() throws {
    var code = PPC64LE.Encoder()
    var expected: [UInt8] = []
    for (_, word, write) in Self.golden {
      write(&code)
      for shift: UInt32 in [0, 8, 16, 24] { expected.append(UInt8(truncatingIfNeeded: word >> shift)) }
    }
    #expect(hex(code.bytes) == hex(expected))
    #expect(hex(try PowerTools.assemble(Self.golden.map(\.0))) == hex(expected))
  }

  /// What instructions that make a constant leave in the register.
  private func evaluate(_ bytes: [UInt8]) throws -> UInt64 {
    var value: UInt64 = 0
    for instruction in try PPC64LE.Decoder().decodeAll(bytes, at: 0) {
      let word = instruction.word
      let (source, low) = (word >> 16 & 31, UInt64(word & 0xffff))
      let signed = UInt64(bitPattern: Int64(Int16(truncatingIfNeeded: word)))
      switch word >> 26 {
      case 14: value = (source == 0 ? 0 : value) &+ signed
      case 15: value = (source == 0 ? 0 : value) &+ signed << 16
      case 24: value |= low
      case 25: value |= low << 16
      case 30: value <<= 32
      default: throw ToolFailure(description: "not of a constant: \(instruction.text)")
      }
    }
    return value
  }

  @Test("makes constants in as few instructions as they need")
  func constants() throws {
    var random = Randomness(seed: 77)
    let some: [UInt64] = [
      0, 1, ~0, 0x7fff, 0x8000, 0xffff_ffff_ffff_8000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 32,
      1 << 63,
      0x7f12_3456_7000, 0x1234_5678_9abc_def0,
    ]
    for round in 0..<20_000 {
      let value =
        round < some.count
        ? some[round]
        : random.next()
          & (0...3).reduce(0) { mask, part in
            mask | (random.next() & 1 == 0 ? 0 : 0xffff << UInt64(16 * part))
          }
      for isWhole in [false, true] {
        var code = PPC64LE.Encoder()
        code.constant(.r5, value, isWhole: isWhole)
        #expect(try evaluate(code.bytes) == value)
        let fits = Int32(exactly: Int64(bitPattern: value)) != nil
        if isWhole { #expect(code.count == (fits ? 8 : 20)) } else { #expect(code.count <= (fits ? 8 : 20)) }
      }
    }
  }

  @Test("the register file has the kernel's order")
  func registerFile() throws {
    let layout = PPC64LE.registerFile
    let scratch = try Scratch()
    let fields = PPC64LE.RegisterFileSlot.allCases.map { slot in
      slot.rawValue < 32 ? "gpr[\(slot.rawValue)]" : "\(slot)"
    }
    try scratch.write(
      "t.c",
      """
      #include <asm/ptrace.h>
      #include <stddef.h>
      #include <stdio.h>
      int main(void) {
      \(fields.map { "  printf(\"%zu\\n\", offsetof(struct pt_regs, \($0)));" }.joined(separator: "\n"))
        printf("%zu\\n", sizeof(struct pt_regs));
      }
      """)
    try scratch.run("powerpc64le-linux-gnu-gcc -static t.c -o t && qemu-ppc64le ./t > t.txt")
    let lines = String(decoding: try scratch.read("t.txt"), as: UTF8.self).split(separator: "\n")
    #expect(lines.map { Int($0) } == (0...layout.count).map { 8 * $0 })
    #expect(layout.index(of: "nip") == layout.programCounter && layout.names[layout.stackPointer] == "r1")
    #expect(layout.arguments.map { layout.names[$0] } == ["r3", "r4", "r5", "r6", "r7", "r8"])
    #expect(layout.names[layout.result] == "r3")
    for register in PPC64LE.Register.allCases {
      #expect(layout.names[register.registerFileSlot.rawValue] == "\(register)")
    }
  }
}
