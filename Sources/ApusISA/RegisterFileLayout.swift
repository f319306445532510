/// How an architecture's register file lies in memory when the kernel hands it out (`PTRACE_GETREGSET` with
/// `NT_PRSTATUS`): 64-bit words, in this order.
package struct RegisterFileLayout: Sendable {
  /// The registers' names, in order.
  package let names: [String]
  /// Which word is the program counter.
  package let programCounter: Int
  /// Which word is the stack pointer.
  package let stackPointer: Int
  /// Which words carry the integer arguments of a function, in order.
  package let arguments: [Int]
  /// Which word carries an integer result.
  package let result: Int

  /// How many words there are.
  package var count: Int { names.count }
  /// How many bytes the register file takes.
  package var byteCount: Int { names.count * 8 }
  /// Which word has this name.
  package func index(of name: String) -> Int? { names.firstIndex(of: name) }
}
