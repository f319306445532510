import ApusCore
import ApusISA
import Glibc
import TestSupport
import Testing

extension X86_64ExecutionTests {
  /// The bytes at a function of this process, and its address.
  private func function(_ name: String, _ count: Int = 32) throws -> (Address, [UInt8]) {
    guard let symbol = unsafe dlsym(nil, name) else { throw ArenaFailure(description: "no \(name)") }
    let bytes = unsafe Array(UnsafeRawBufferPointer(start: symbol, count: count))
    return (UInt64(UInt(bitPattern: symbol)), bytes)
  }

  @Test(
    "moved beginnings of library functions do what the functions do",
    arguments: [
      "labs", "toupper", "isalpha", "ffsll", "l64a", "a64l", "imaxabs", "getppid", "htons", "umask",
    ])
  func movedFunctions(_ name: String) throws {
    let (address, code) = try function(name)
    let runner = try CodeRunner()
    let arena = try CodeArena(size: 4096)
    let text = try CodeArena(size: 4096)
    let moved = try X86_64.Relocator(X86_64.Decoder()).relocate(code, at: address, to: arena.next)
    let place = try arena.append(moved.bytes)
    if moved.continues { _ = try arena.appendJump(to: address + UInt64(moved.originalCount)) }
    try arena.seal()
    // For a64l: a string. For the others: a number like any other.
    text.write(Array("zF./\0".utf8), at: 0)
    var random = Randomness(seed: 7)
    for argument in [0, 1, 65, 0x61, text.start, 0xffff_ffff_ffff_ff00] {
      if name == "a64l", argument != text.start { continue }
      if name == "toupper" || name == "isalpha", argument > 255 { continue }
      var before = RegisterValues(&random)
      before[.rdi] = argument
      let theirs = runner.run(address, before)
      let ours = runner.run(place, before)
      if name == "umask" {
        // It says what was set before: now what the first call set.
        #expect(ours[.rax] == argument & 0o777, "\(name)(\(argument))")
      } else {
        #expect(ours[.rax] == theirs[.rax], "\(name)(\(argument))")
      }
      #expect(ours[.rsp] == runner.stackAfter)
    }
    if name == "umask" { umask(0o022) }
  }

  @Test("the dynamic linker's empty function for debuggers can be displaced")
  func emptyFunction() throws {
    let (address, code) = try function("_dl_debug_state", 16)
    let runner = try CodeRunner()
    let arena = try CodeArena(size: 4096)
    let moved = try X86_64.Relocator(X86_64.Decoder()).relocate(code, at: address, to: arena.next)
    #expect(!moved.continues)
    #expect(moved.originalCount >= 5)
    let place = try arena.append(moved.bytes)
    try arena.seal()
    var random = Randomness(seed: 8)
    let before = RegisterValues(&random)
    let after = runner.run(place, before)
    #expect(after.difference(from: before) == nil)
    #expect(after[.rsp] == runner.stackAfter)
  }
}
