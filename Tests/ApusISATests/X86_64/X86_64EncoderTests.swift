import ApusISA
import TestSupport
import Testing

@Suite("x86_64 encoder")
struct X86_64EncoderTests {
  /// One instruction as we wrote it.
  private struct Written {
    var text: String
    var range: Range<Int>
  }

  @Test("writes what the assembler writes, for every form and random operands")
  func agreesWithAssembler() throws {
    var random = Randomness(seed: 0xa905)
    var code = X86_64.Encoder()
    var written: [Written] = []
    for form in EncoderForm.all {
      for _ in 0..<256 {
        let start = code.count
        let text = form.write(&code, &random)
        written.append(Written(text: text, range: start..<code.count))
      }
    }
    #expect(EncoderForm.all.count > 60)
    let expected = try assemble(written.map(\.text))
    let bytes = code.bytes
    // One wrong instruction shifts or spoils all that follow, so the first says it all.
    let wrong = written.first { item in
      item.range.upperBound > expected.count || expected[item.range] != bytes[item.range]
    }
    if let wrong {
      let theirs = expected[min(wrong.range.lowerBound, expected.count)...].prefix(wrong.range.count + 3)
      Issue.record("\(wrong.text): we write \(hex(bytes[wrong.range])), the assembler \(hex(theirs))…")
    }
    #expect(expected.count == bytes.count)
  }

  private func assemble(_ lines: [String]) throws -> [UInt8] {
    let scratch = try Scratch()
    // Clang reads places relative to `.` in the other syntax only.
    let text = lines.map { $0.contains(" . + ") ? ".att_syntax; \($0); .intel_syntax noprefix" : $0 }
    try scratch.write("t.s", ".intel_syntax noprefix\n.text\n" + text.joined(separator: "\n") + "\n")
    try scratch.run(
      "clang --target=x86_64-linux-gnu -c t.s -o t.o && llvm-objcopy -O binary -j .text t.o t.bin")
    return try scratch.read("t.bin")
  }

  /// Assembly text beside the bytes.
  static let golden: [(String, [UInt8], @Sendable (inout X86_64.Encoder) -> Void)] = [
    ("mov rdx, rax", [0x48, 0x89, 0xc2], { $0.move(.rdx, .rax) }),
    ("mov rax, fs:[0]", [0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0], { $0.load(.rax, .thread(0), .eight) }),
    ("mov rcx, [rsp]", [0x48, 0x8b, 0x0c, 0x24], { $0.load(.rcx, .init(.rsp), .eight) }),
    ("mov rcx, [rbp]", [0x48, 0x8b, 0x4d, 0x00], { $0.load(.rcx, .init(.rbp), .eight) }),
    ("mov rcx, [r12]", [0x49, 0x8b, 0x0c, 0x24], { $0.load(.rcx, .init(.r12), .eight) }),
    ("mov rcx, [r13]", [0x49, 0x8b, 0x4d, 0x00], { $0.load(.rcx, .init(.r13), .eight) }),
    ("mov [rax], sil", [0x40, 0x88, 0x30], { $0.store(.init(.rax), .rsi, .one) }),
    (
      "lea rsp, [rsp + 8]", [0x48, 0x8d, 0x64, 0x24, 0x08], { $0.loadEffectiveAddress(.rsp, .init(.rsp, 8)) }
    ),
    ("cmp rax, [rsi + 8]", [0x48, 0x3b, 0x46, 0x08], { $0.arithmetic(.compare, .rax, .init(.rsi, 8)) }),
    (
      "lock add [rdi], rax", [0xf0, 0x48, 0x01, 0x07], { $0.arithmetic(.add, .init(.rdi), .rax, lock: true) }
    ),
    ("ret", [0xc3], { $0.return() }),
    ("int3", [0xcc], { $0.breakpoint() }),
    ("ud2", [0x0f, 0x0b], { $0.undefined() }),
    ("rdtsc", [0x0f, 0x31], { $0.readTimestamp() }),
    ("pause", [0xf3, 0x90], { $0.pause() }),
    ("mfence", [0x0f, 0xae, 0xf0], { $0.memoryFence() }),
    ("endbr64", [0xf3, 0x0f, 0x1e, 0xfa], { $0.endBranch() }),
    ("xchg rcx, rax", [0x48, 0x91], { $0.exchange(.rcx, .rax) }),
  ]

  @Test("writes the bytes in the table", arguments: golden.indices)
  func goldenBytes(_ index: Int) throws {
    let (text, bytes, write) = Self.golden[index]
    var code = X86_64.Encoder()
    write(&code)
    #expect(code.bytes == bytes, "\(text): \(hex(code.bytes))")
    #expect(try assemble([text]) == bytes, "\(text)")
  }

  @Test("fills with no-operations of the recommended forms", arguments: 0...40)
  func noOperations(_ count: Int) throws {
    var code = X86_64.Encoder()
    code.noOperation(count)
    #expect(code.count == count)
    let decoded = try X86_64.Decoder().decodeAll(code.bytes, at: 0x1000)
    #expect(!decoded.contains { !$0.isNoOperation })
    #expect(decoded.count == (count + 8) / 9)
  }

  @Test("the register file has the kernel's order")
  func registerFile() {
    let layout = X86_64.registerFile
    #expect(layout.byteCount == 216)
    #expect(layout.names.first == "r15" && layout.names.last == "gs")
    #expect(layout.index(of: "rip") == 16 && layout.programCounter == 16)
    #expect(layout.index(of: "rsp") == 19 && layout.stackPointer == 19)
    #expect(layout.index(of: "orig_rax") == 15 && layout.index(of: "fs_base") == 21)
    #expect(layout.arguments.map { layout.names[$0] } == ["rdi", "rsi", "rdx", "rcx", "r8", "r9"])
    for register in X86_64.Register.allCases {
      #expect(layout.names[register.registerFileSlot.rawValue] == "\(register)")
    }
  }
}
