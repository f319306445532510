import ApusCore

/// The registers that the emulated process is given, as words: see the assembly in Tests/MachineCode.
struct EmulatedState {
  let architecture: Architecture
  /// How many words, and which of them is the stack pointer; the return address (on x86_64 the process itself puts it on the
  /// stack); and those that cannot have any value.
  private let count: Int
  private let stackPointer: Int
  private let link: Int?
  private let zero: Set<Int>

  init?(_ name: String) {
    guard let architecture = Architecture.allCases.first(where: { "\($0)" == name }) else { return nil }
    self.architecture = architecture
    switch architecture {
    case .x86_64: (count, stackPointer, link, zero) = (48, 4, nil, [])
    case .arm64: (count, stackPointer, link, zero) = (96, 31, 30, [])
    // XER has bits that are not kept, CR half a word.
    case .ppc64le: (count, stackPointer, link, zero) = (164, 1, 32, [34, 35])
    }
  }

  private func words(_ seed: UInt64) -> [UInt64] {
    (0..<count).map { zero.contains($0) ? 0 : (UInt64($0) + 1) &* seed }
  }

  /// What code is entered with; the last word is its address.
  func entering(_ code: Address, frame: Address, returnAddress: Address) -> [UInt64] {
    var result = words(0x0101_0101_0101_0101)
    result[stackPointer] = frame
    if let link { result[link] = returnAddress }
    return result + [code]
  }

  /// What the body leaves in registers that may change.
  var result: [UInt64] { words(0x0203_0507_0b0d_1113) + [0] }
}
