import ApusCore
import ApusISA
import TestSupport
import Testing

/// Pairs of functions: one as it is assembled for itself, one as it stands among others. `{disp32}` makes a jump's long form.
@Suite("code whose jumps have other lengths")
struct X86_64RelaxedCodeTests {
  static func assemble(_ text: String) throws -> [UInt8] {
    let scratch = try Scratch()
    let lines = text.split(separator: ";").joined(separator: "\n")
    try scratch.write("t.s", ".text\n" + lines + "\n")
    try scratch.run(
      "clang --target=x86_64-linux-gnu -c t.s -o t.o && llvm-objcopy -O binary -j .text t.o t.bin")
    return try scratch.read("t.bin")
  }

  private func isSame(_ one: String, _ two: String, open: Set<Int> = []) throws -> Bool {
    RelaxedCode.destinations(try Self.assemble(one), try Self.assemble(two), open: open, .x86_64) != nil
  }

  static let samePairs: [(String, String)] = [
    // Forwards, backwards, both; conditions.
    ("jmp 1f; inc %eax; 1: ret", "{disp32} jmp 1f; inc %eax; 1: ret"),
    ("1: inc %eax; jne 1b; ret", "1: inc %eax; {disp32} jne 1b; ret"),
    (
      "1: test %edi, %edi; je 2f; dec %edi; jmp 1b; 2: ret",
      "1: test %edi, %edi; {disp32} je 2f; dec %edi; {disp32} jmp 1b; 2: ret"
    ),
    ("1: jmp 1b", "1: {disp32} jmp 1b"),
    // The distance of a call, a loop and of an operand changes with what is between.
    ("call 2f; jmp 1f; 1: ret; 2: nop; ret", "call 2f; {disp32} jmp 1f; 1: ret; 2: nop; ret"),
    ("1: jmp 2f; 2: loop 1b; ret", "1: {disp32} jmp 2f; 2: loop 1b; ret"),
    ("jrcxz 2f; jmp 1f; 1: 2: ret", "jrcxz 2f; {disp32} jmp 1f; 1: 2: ret"),
    (
      "lea 2f(%rip), %rax; jmp 1f; 1: inc %eax; 2: ret",
      "lea 2f(%rip), %rax; {disp32} jmp 1f; 1: inc %eax; 2: ret"
    ),
    // Padding, at labels and behind; a jump to it, and to what follows it.
    ("jmp 1f; .balign 16; 1: ret", "{disp32} jmp 1f; .balign 32; 1: ret"),
    ("jmp 1f; 1: .balign 16; ret", "jmp 1f; .nops 3; 1: ret"),
    ("jmp 1f; .nops 5; 1: ret", "jmp 1f; 1: .nops 9; .nops 2; ret"),
    ("ret", "ret; .nops 13"), ("ret; .nops 4", "ret"), ("nop; inc %eax; ret", "inc %eax; ret"),
    ("xchg %ax, %ax; ret", "ret; .nops 10"),
    ("ret", "ret"), ("", ""), ("", "nop"),
  ]

  @Test("the same but for forms of jumps and padding", arguments: samePairs)
  func same(_ one: String, _ two: String) throws {
    #expect(try isSame(one, two))
    #expect(try isSame(two, one), "the other way round")
  }

  static let differentPairs: [(String, String)] = [
    // Other targets, conditions, kinds of jump.
    ("jmp 1f; inc %eax; 1: ret", "{disp32} jmp 1f; 1: inc %eax; ret"),
    ("je 1f; inc %eax; 1: ret", "{disp32} jne 1f; inc %eax; 1: ret"),
    ("jmp 1f; inc %eax; 1: ret", "{disp32} je 1f; inc %eax; 1: ret"),
    ("call 1f; inc %eax; 1: ret", "{disp32} jmp 1f; inc %eax; 1: ret"),
    ("call 1f; inc %eax; 1: ret", "call 1f; 1: inc %eax; ret"),
    ("1: inc %eax; loop 1b; ret", "1: inc %eax; loope 1b; ret"),
    ("inc %eax; 1: loop 1b; ret", "1: inc %eax; loop 1b; ret"),
    ("jmp *%rax", "jmp *%rcx"), ("call *8(%rax)", "call *16(%rax)"),
    // To padding before an instruction, and to that before another.
    ("jmp 1f; 1: nop; inc %eax; nop; ret", "jmp 1f; inc %eax; 1: nop; ret"),
    // Other operands.
    ("mov $1, %eax; ret", "mov $2, %eax; ret"), ("mov $1, %eax; ret", "mov $1, %ecx; ret"),
    ("add %eax, %ecx; ret", "sub %eax, %ecx; ret"),
    ("mov 8(%rdi), %eax; ret", "mov 12(%rdi), %eax; ret"), ("inc %eax; ret", "inc %rax; ret"),
    ("lea 1f(%rip), %rax; inc %eax; 1: ret", "lea 1f(%rip), %rax; 1: inc %eax; ret"),
    ("lea 1f(%rip), %rax; inc %eax; 1: ret", "lea 1f(%rip), %rcx; inc %eax; 1: ret"),
    ("cmpl $1, 1f(%rip); 1: ret", "cmpl $2, 1f(%rip); 1: ret"),
    // More, or less.
    ("ret", "inc %eax; ret"), ("inc %eax; ret", "ret"), ("ret", "ret; inc %eax"), ("ret; inc %eax", "ret"),
    ("", "ret"), ("ret", ""), ("inc %eax; ret", "ret; inc %eax"),
    // What is no padding although it does nothing.
    ("ret", "endbr64; ret"), ("ret", "pause; ret"), ("ret", "lea 0(%rsi), %rsi; ret"), ("ret", "ret; int3"),
    // No instruction, and one that is cut off.
    ("ret; .byte 6", "ret; .byte 6"), ("ret; .byte 0xe9, 0, 0", "ret; .byte 0xe9, 0, 0"),
  ]

  @Test("different, or not known to be the same", arguments: differentPairs)
  func different(_ one: String, _ two: String) throws {
    #expect(try !isSame(one, two))
    #expect(try !isSame(two, one), "the other way round")
  }

  @Test func bytesThatLinkersChangeAreNotCompared() throws {
    // call, with the distance at 1; mov, with a distance at 7; jmp, which went elsewhere.
    let one = "call . + 5; mov 0(%rip), %eax; {disp32} jmp . + 5; ret"
    let two = "call . + 77; mov 99(%rip), %eax; {disp32} jmp . + 1234; ret"
    #expect(try !isSame(one, two))
    let open = Set(Array(1..<5) + Array(7..<11) + Array(12..<16))
    #expect(try isSame(one, two, open: open))
    // Each of them counts, and the bytes around them do.
    for first in [1, 7, 12] { #expect(try !isSame(one, two, open: open.subtracting(first..<first + 4))) }
    #expect(try !isSame(one, "call . + 77; mov 99(%rip), %ecx; {disp32} jmp . + 1234; ret", open: open))
    // Immediates; of two bytes one.
    #expect(try isSame("mov $0, %eax; ret", "mov $0x11223344, %eax; ret", open: [1, 2, 3, 4]))
    #expect(try !isSame("mov $0, %eax; ret", "mov $0x11223344, %eax; ret", open: [1, 2, 3]))
    // They are the object's offsets, not those of what was linked.
    let moved = "1: {disp32} jmp 2f; 2: mov $7, %eax; ret"
    #expect(try isSame("1: jmp 2f; 2: mov $0, %eax; ret", moved, open: [3, 4, 5, 6]))
    #expect(try !isSame("1: jmp 2f; 2: mov $0, %eax; ret", moved, open: [6, 7, 8, 9]))
  }

  @Test func whereChangedReferencesLead() throws {
    let one = "call . + 5; mov 0(%rip), %eax; {disp32} jmp . + 5; 1: inc %eax; jmp 1b; ret"
    let two = "call . + 77; mov 99(%rip), %eax; jmp . + 100; 1: inc %eax; jmp 1b; ret"
    let open = Set(Array(1..<5) + Array(7..<11) + Array(12..<16))
    let found =
      RelaxedCode.destinations(try Self.assemble(one), try Self.assemble(two), open: open, .x86_64) ?? [:]
    // The call, the load behind its end, and the jump, which is short there. None of the jump inside.
    let places: [Int] = found.keys.sorted()
    #expect(places == [1, 7, 12])
    let leads: [Address] = places.compactMap { found[$0] }
    let wanted: [Address] = [77, 110, 111]
    #expect(leads == wanted)
  }

  @Test("other architectures' jumps have one form", arguments: [Architecture.arm64, .ppc64le])
  func others(_ architecture: Architecture) {
    #expect(RelaxedCode.destinations([0, 0, 0, 0], [0, 0, 0, 0], open: [], architecture) == nil)
  }

  /// Functions of random jumps over random instructions, with forms and padding chosen at random twice.
  @Test func randomFunctions() throws {
    var random = Randomness(seed: 0x7e1a)
    for _ in 0..<20 {
      let count = 6 + Int(random.next() % 20)
      let body = (0..<count).map { index -> (text: String, isJump: Bool) in
        let target = Int(random.next() % UInt64(count))
        let kind = ["jmp", "je", "jns"][Int(random.next() % 3)]
        return random.next() % 2 == 0 ? ("\(kind) L\(target)", true) : ("mov $\(index), %eax", false)
      }
      func text(_ changed: Int? = nil) -> String {
        body.indices.map { index in
          var line = body[index].text
          if index == changed { line = body[index].isJump ? "mov $1000, %ecx" : "mov $1000, %eax" }
          let long = body[index].isJump && index != changed && random.next() % 2 == 0
          let padding = random.next() % 4 == 0 ? ".nops \(1 + random.next() % 12);" : ""
          return "\(padding) L\(index): \(long ? "{disp32} " : "")\(line)"
        }.joined(separator: ";") + "; ret"
      }
      let one = text()
      #expect(try isSame(one, text()), "\(one)")
      #expect(try !isSame(one, text(Int(random.next() % UInt64(count)))), "\(one)")
    }
  }
}
