package import ApusCore

/// The functions of a module in order of their addresses, each address once.
package struct FunctionTable: Sendable, RandomAccessCollection {
  private var functions: [FunctionSymbol]

  /// Takes functions in any order; of several at one address the first stays.
  init(_ functions: [FunctionSymbol]) {
    var sorted = functions
    sorted.sort { $0.address < $1.address }
    var kept: [FunctionSymbol] = []
    kept.reserveCapacity(sorted.count)
    for function in sorted where kept.last?.address != function.address { kept.append(function) }
    self.functions = kept
  }

  package var startIndex: Int { 0 }
  package var endIndex: Int { functions.count }
  package subscript(index: Int) -> FunctionSymbol { functions[index] }

  /// The index of the function that begins at `address`.
  package func index(startingAt address: Address) -> Int? {
    let index = index(after: address) - 1
    return index >= 0 && functions[index].address == address ? index : nil
  }

  /// The index of the function that has `address` in its bytes: the innermost, if they overlap. A function of
  /// unknown size has only its first byte.
  package func index(containing address: Address) -> Int? {
    var index = index(after: address) - 1
    // Functions overlap only in hand-written code; do not search far.
    for _ in 0..<8 where index >= 0 {
      if functions[index].address == address || functions[index].addresses.contains(address) { return index }
      index -= 1
    }
    return nil
  }

  /// The index of the first function that begins above `address`; `endIndex` if there is none.
  package func index(after address: Address) -> Int {
    var low = 0
    var high = functions.count
    while low < high {
      let middle = (low + high) / 2
      if functions[middle].address <= address { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
