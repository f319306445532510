internal import ApusCore
internal import ApusPatchObject

/// What `apus patch link` is told of the module and of undefined symbols.
struct LinkBindings {
  private(set) var placement: LinkPlacement?
  private(set) var bindings: [Int: LinkBinding] = [:]
  private(set) var imported: Set<Int> = []

  init(text: String) throws {
    var module = LinkPlacement(base: 0)
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let words = line.split(separator: " ")
      guard let verb = words.first else { continue }
      let numbers = words.dropFirst().compactMap(Self.number)
      guard numbers.count == words.count - 1 else {
        throw CommandFailure("line \(index + 1) of the bindings: a number cannot be read")
      }
      switch (verb, numbers.count) {
      case ("base", 1):
        module.base = numbers[0]
        placement = module
      case ("toc", 1): module.toc = numbers[0]
      case ("thread", 1): module.threadBlock = Int64(bitPattern: numbers[0])
      case ("number", 1): module.moduleNumber = numbers[0]
      case ("address", 2): bindings[Int(truncatingIfNeeded: numbers[0])] = .address(numbers[1])
      case ("address", 3):
        bindings[Int(truncatingIfNeeded: numbers[0])] = .address(
          numbers[1], other: UInt8(truncatingIfNeeded: numbers[2]))
      case ("function", 2): bindings[Int(truncatingIfNeeded: numbers[0])] = .function(numbers[1])
      case ("foreign", 4):
        bindings[Int(truncatingIfNeeded: numbers[0])] = .foreignThreadLocal(
          numbers[1], block: Int64(bitPattern: numbers[2]), moduleNumber: numbers[3])
      case ("variable", 2): bindings[Int(truncatingIfNeeded: numbers[0])] = .threadLocal(numbers[1])
      case ("imported", 1): imported.insert(Int(truncatingIfNeeded: numbers[0]))
      default:
        throw CommandFailure(
          "line \(index + 1) of the bindings is none of base, toc, thread, number, address, …")
      }
    }
    if placement != nil { placement = module }
  }

  /// Decimal, or hexadecimal with 0x; below zero with a sign.
  private static func number(_ text: Substring) -> UInt64? {
    if text.hasPrefix("-") { return number(text.dropFirst()).map { 0 &- $0 } }
    return text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)
  }
}
