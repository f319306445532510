package import ApusCore

/// Which word of a register file is what.
package struct RegisterLayout: Sendable, Hashable {
  /// Whose registers.
  package var architecture: Architecture
  /// The names, in the order of the kernel's NT_PRSTATUS register set.
  package var names: [String]
  /// The program counter's index.
  package var programCounter: Int
  /// The stack pointer's index.
  package var stackPointer: Int
  /// The index of the register with a system call's number.
  package var systemCall: Int
  /// The index of the word that says which system call the thread is in; -1 in it: none. nil: no word of this set does.
  package var originalSystemCall: Int?
  /// The index of the register with a system call's result.
  package var result: Int
  /// The indices of the registers with a system call's arguments, in order.
  package var arguments: [Int]
  /// The thread pointer's index (fs base, r13); nil: it is in a set of its own (TPIDR_EL0).
  package var threadPointer: Int?
}

/// A thread's general registers, in the order of the kernel's NT_PRSTATUS register set.
package struct RegisterFile: Sendable, Hashable {
  /// The values; exactly as many as the layout has names.
  package private(set) var words: [UInt64]
  /// What is where.
  package let layout: RegisterLayout

  /// Wraps values.
  ///
  /// - Returns: nil unless there are as many words as the layout has names.
  package init?(words: [UInt64], layout: RegisterLayout) {
    guard words.count == layout.names.count else { return nil }
    self.words = words
    self.layout = layout
  }

  /// A register by its index in the layout.
  package subscript(index: Int) -> UInt64 {
    get { words[index] }
    set { words[index] = newValue }
  }

  /// A register by its name; nil if there is none of that name.
  package subscript(name: String) -> UInt64? {
    layout.names.firstIndex(of: name).map { words[$0] }
  }

  /// The program counter.
  package var programCounter: UInt64 {
    get { words[layout.programCounter] }
    set { words[layout.programCounter] = newValue }
  }
  /// The stack pointer.
  package var stackPointer: UInt64 {
    get { words[layout.stackPointer] }
    set { words[layout.stackPointer] = newValue }
  }
  /// The thread pointer; nil if it is in another register set.
  package var threadPointer: UInt64? { layout.threadPointer.map { words[$0] } }
  /// A system call's result: negative is an error number.
  package var result: Int64 {
    get { Int64(bitPattern: words[layout.result]) }
    set { words[layout.result] = UInt64(bitPattern: newValue) }
  }
  /// The system call that the thread is in; nil outside of one, or if no word of this set says.
  package var currentSystemCall: UInt64? {
    guard let index = layout.originalSystemCall, Int64(bitPattern: words[index]) >= 0 else { return nil }
    return words[index]
  }
}
