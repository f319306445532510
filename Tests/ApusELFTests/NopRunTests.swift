import ApusCore
import ApusELF
import Testing

@Suite struct NopRunTests {
  /// Bytes, the length of the nop that they begin with, and what it is called.
  static let x86: [([UInt8], Int?, String)] = [
    ([0x90], 1, "nop"), ([0x66, 0x90], 2, "xchg %ax,%ax"), ([0x0f, 0x1f, 0x00], 3, "nopl (%rax)"),
    ([0x0f, 0x1f, 0x40, 0], 4, "nopl 0(%rax)"), ([0x0f, 0x1f, 0x44, 0, 0], 5, "nopl 0(%rax,%rax,1)"),
    ([0x0f, 0x1f, 0x44, 0, 8], 5, "nopl 8(%rax,%rax,1)"),
    ([0x66, 0x0f, 0x1f, 0x44, 0, 0], 6, "nopw 0(%rax,%rax,1)"),
    ([0x0f, 0x1f, 0x80, 0, 0, 0, 0], 7, "nopl 0(%rax), wide"),
    ([0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0], 8, "nopl 0(%rax,%rax,1), wide"),
    ([0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0], 9, "nopw"),
    ([0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0], 10, "cs nopw"),
    ([0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0], 15, "the longest"),
    ([0x0f, 0x1f, 0x05, 0, 0, 0, 0], 7, "nopl 0(%rip)"), ([0x0f, 0x1f, 0x04, 0x25, 0, 0, 0, 0], 8, "nopl 0"),
    ([0x0f, 0x1f, 0xc0], 3, "nop %eax"), ([0x0f, 0x1f, 0x44, 0], nil, "cut off"),
    ([0x66], nil, "a prefix alone"),
    ([0x0f, 0x1f, 0x48, 0], nil, "another opcode extension"), ([0xf3, 0x90], nil, "pause"),
    ([0xf3, 0x0f, 0x1e, 0xfa], nil, "endbr64"), ([0x55], nil, "push"), ([], nil, "nothing"),
    ([UInt8](repeating: 0x66, count: 15) + [0x90], nil, "longer than any instruction"),
  ]

  @Test(arguments: x86) func x86Nops(_ bytes: [UInt8], _ length: Int?, _ text: String) {
    // Other bytes before show that slices are read from where they start.
    let padded = [0x90, 0x90] + bytes
    #expect(NopRun.nopLength(padded.dropFirst(2), .x86_64) == length, "\(text)")
  }

  @Test func fixedWidthNops() {
    #expect(
      NopRun([0x1f, 0x20, 3, 0xd5, 0x1f, 0x20, 3, 0xd5, 0xc0, 3, 0x5f, 0xd6][...], .arm64).lengths == [4, 4])
    #expect(NopRun([0, 0, 0, 0x60, 0xa6, 2, 8, 0x7c][...], .ppc64le).lengths == [4])
  }

  @Test func boundariesAndLimits() {
    var run = NopRun([0x66, 0x90, 0x66, 0x90, 0x0f, 0x1f, 0, 0x90, 0x55][...], .x86_64)
    #expect(run.count == 8)
    #expect(run.boundary(from: 5) == 7)
    #expect(run.boundary(from: 4) == 4)
    #expect(run.boundary(from: 9) == nil)
    run.limit(to: 6)
    #expect(run.count == 4)
    var gcc = NopRun([0x90, 0x90, 0x66, 0x0f, 0x1f, 0x44, 0, 0, 0xc3][...], .x86_64)
    gcc.dropPadding()
    #expect(gcc.count == 2)
  }
}
