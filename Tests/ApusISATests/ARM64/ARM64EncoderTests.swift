import ApusISA
import TestSupport
import Testing

@Suite("arm64 encoder")
struct ARM64EncoderTests {
  /// How often each form is tried: 1,700 × the 72 forms are 122,400 instructions.
  private static let instances = 1700

  /// Random instances of every form, as text and as we write them; and the assemblers' bytes for that text.
  struct Sample: Sendable {
    var text: [String]
    var ours: [UInt8]
    var theirs: [(assembler: String, bytes: [UInt8])]
  }

  static func sample() throws -> Sample {
    var random = Randomness(seed: 0xa64)
    var code = ARM64.Encoder()
    var text: [String] = []
    for form in ARM64EncoderForm.all {
      for _ in 0..<instances { text.append(form.write(&code, &random)) }
    }
    let theirs = try ["clang", "gnu"].map { (assembler: $0, bytes: try assemble(text, $0)) }
    return Sample(text: text, ours: code.bytes, theirs: theirs)
  }

  static func assemble(_ lines: [String], _ assembler: String) throws -> [UInt8] {
    let scratch = try Scratch()
    try scratch.write("t.s", ".arch armv8.5-a\n.text\n" + lines.joined(separator: "\n") + "\n")
    if assembler == "clang" {
      try scratch.run("clang --target=aarch64-linux-gnu -c t.s -o t.o")
    } else {
      try scratch.run("aarch64-linux-gnu-as t.s -o t.o")
    }
    try scratch.run("aarch64-linux-gnu-objcopy -O binary -j .text t.o t.bin")
    return try scratch.read("t.bin")
  }

  @Test("writes what two assemblers write, for every form and random operands")
  func agreesWithAssemblers() throws {
    let sample = try Self.sample()
    #expect(ARM64EncoderForm.all.count == 73 && sample.text.count >= 100_000)
    #expect(sample.ours.count == 4 * sample.text.count)
    for (assembler, bytes) in sample.theirs {
      #expect(bytes.count == sample.ours.count, "\(assembler)")
      var wrong: Set<String> = []
      for (index, text) in sample.text.enumerated() {
        let range = 4 * index..<4 * index + 4
        // The gnu assembler leaves pages to the linker.
        if assembler == "gnu", text.hasPrefix("adrp") { continue }
        guard range.upperBound <= bytes.count, bytes[range] != sample.ours[range] else { continue }
        let form = ARM64EncoderForm.all[index / Self.instances].description
        if wrong.insert(form).inserted {
          Issue.record("\(text): we write \(hex(sample.ours[range])), \(assembler) \(hex(bytes[range]))")
        }
      }
    }
    print("arm64 encoder: \(ARM64EncoderForm.all.count) forms, \(sample.text.count) instructions")
  }

  @Test("a value is a bit mask exactly if the assembler takes it")
  func bitMasks() throws {
    // All that there are: for each size and length of the run, each rotation (5,334 values).
    var all: Set<UInt64> = []
    for size: UInt64 in [2, 4, 8, 16, 32, 64] {
      for ones in 1..<size {
        for rotation in 0..<size {
          var value: UInt64 = 0
          for bit: UInt64 in 0..<64 where (bit + rotation) % size < ones { value |= 1 << bit }
          all.insert(value)
        }
      }
    }
    #expect(all.count == 5334)
    let values = all.sorted()
    var code = ARM64.Encoder()
    for value in values { code.logical(.and, .x1, .x2, try #require(ARM64.BitMask(value))) }
    let text = values.map { "and x1, x2, #0x\(String($0, radix: 16))" }
    #expect(try Self.assemble(text, "gnu") == code.bytes)
    var random = Randomness(seed: 3)
    for value in [0, ~0] + (0..<100_000).map({ _ in random.next() & random.next() }) {
      #expect((ARM64.BitMask(value) != nil) == all.contains(value), "\(value)")
    }
    for value in values.prefix(2000) where !all.contains(value ^ 0x1_0010) {
      #expect(ARM64.BitMask(value ^ 0x1_0010) == nil)
    }
  }

  @Test("constants have the value, and the number of instructions that was asked for")
  func constants() throws {
    var random = Randomness(seed: 4)
    var values: [UInt64] = [0, ~0, 1, 0xffff, 0x1_0000, 0xffff_0000, ~0xffff, 1 << 63, 0xffff_ffff]
    for _ in 0..<20_000 {
      var value: UInt64 = 0
      for part: UInt64 in 0..<4 {
        value |= [0, 0xffff, random.next() & 0xffff][random.below(3)] << (16 * part)
      }
      values.append(value)
    }
    for value in values {
      let least = ARM64.moveCount(value)
      for count in least...4 {
        var code = ARM64.Encoder()
        code.constant(.x5, value, count: count)
        #expect(code.count == 4 * count)
        #expect(Self.evaluate(code.bytes) == value, "\(value)")
      }
    }
    #expect(ARM64.moveCount(0) == 1 && ARM64.moveCount(~0) == 1 && ARM64.moveCount(0x1234_5678) == 2)
    #expect(ARM64.moveCount(0x1234_ffff_ffff_ffff) == 1 && ARM64.moveCount(0x1_0002_0003_0004) == 4)
  }

  /// What `movz`, `movn` and `movk` to x5 leave there.
  private static func evaluate(_ bytes: [UInt8]) -> UInt64? {
    var result: UInt64?
    for instruction in ARM64.Decoder().decodeAll(bytes, at: 0) {
      let word = instruction.word
      guard word & 31 == 5 else { return nil }
      let shift = UInt64(word >> 21 & 3) * 16
      let value = UInt64(word >> 5 & 0xffff) << shift
      switch word >> 23 {
      case 0x1a5: result = value
      case 0x125: result = ~value
      case 0x1e5: result = result.map { $0 & ~(0xffff << shift) | value }
      default: return nil
      }
    }
    return result
  }

  @Test("the register file is the kernel's")
  func registerFile() throws {
    let layout = ARM64.registerFile
    // The compiler says where each field is: negative array sizes would not compile.
    let scratch = try Scratch()
    let fields =
      (0..<31).map { ("regs[\($0)]", "x\($0)") } + [("sp", "sp"), ("pc", "pc"), ("pstate", "pstate")]
    var lines = ["#include <asm/ptrace.h>", "#include <stddef.h>"]
    lines += fields.map { field, name in
      "_Static_assert(offsetof(struct user_pt_regs, \(field)) == \(8 * (layout.index(of: name) ?? -1)), \"\(name)\");"
    }
    lines.append("_Static_assert(sizeof(struct user_pt_regs) == \(layout.byteCount), \"size\");")
    try scratch.write("t.c", lines.joined(separator: "\n") + "\n")
    try scratch.run("aarch64-linux-gnu-gcc -c t.c -o t.o")
    #expect(layout.count == fields.count)
    #expect(layout.names[layout.programCounter] == "pc" && layout.names[layout.stackPointer] == "sp")
    #expect(layout.arguments.map { layout.names[$0] } == (0..<8).map { "x\($0)" })
    #expect(layout.names[layout.result] == "x0")
    for register in ARM64.Register.numbered + [.sp] {
      #expect(register.registerFileSlot.map { layout.names[$0.rawValue] } == "\(register)")
    }
  }
}
