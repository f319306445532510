/// What an encoder's sources declare, and whether forms call it. Read as text: overloads are told apart by labels, and by
/// what arguments in forms are named.
struct EncoderInterface {
  /// A method, or a call of one.
  struct Signature: CustomStringConvertible {
    struct Item {
      var label: String
      /// The type of a parameter, or what a call passes.
      var text: String
      var hasDefault = false
    }
    var name: String
    var items: [Item]

    var description: String {
      "\(name)(\(items.map { ($0.label.isEmpty ? "_" : $0.label) + ": " + $0.text }.joined(separator: ", ")))"
    }
  }

  var methods: [Signature]

  /// - Parameter sources: the encoder's.
  init(sources: String) {
    methods = Self.signatures(in: sources, after: ["package mutating func "]) { item in
      let halves = item.split(separator: ":", maxSplits: 1)
      let names = halves.first?.split(separator: " ") ?? []
      let type = halves.last?.split(separator: "=").first ?? ""
      return .init(
        label: names.first == "_" ? "" : names.first.map(String.init) ?? "",
        text: type.split { $0.isWhitespace || $0 == "." }.last.map(String.init) ?? "",
        hasDefault: item.contains("="))
    }
  }

  /// The methods that no form calls.
  func missing(in forms: String) -> [Signature] {
    let calls = Self.signatures(in: forms, after: ["code.", "$0."]) { item in
      let label = item.prefix { $0.isLetter || $0.isNumber }
      guard item.dropFirst(label.count).first == ":", !label.isEmpty else {
        return .init(label: "", text: String(item))
      }
      let text = item.dropFirst(label.count + 1).drop { $0 == " " }
      return .init(label: String(label), text: String(text))
    }
    return methods.filter { method in !calls.contains { Self.isCall($0, of: method) } }
  }

  private static func isCall(_ call: Signature, of method: Signature) -> Bool {
    guard call.name == method.name else { return false }
    var passed = call.items[...]
    for parameter in method.items {
      if let item = passed.first, item.label == parameter.label, mayPass(item.text, as: parameter.text) {
        passed.removeFirst()
      } else if !parameter.hasDefault {
        return false
      }
    }
    return passed.isEmpty
  }

  /// What has one of these names in a form is of this type, and nothing else is.
  private static let types = ["m": "Memory", "mask": "BitMask", "segment": "Segment"]
  private static let registers: Set<String> = [
    "a", "b", "base", "d", "i", "index", "l", "left", "r", "s", "target",
  ]

  private static func mayPass(_ argument: String, as type: String) -> Bool {
    if types.values.contains(type) || types[argument] != nil { return types[argument] == type }
    if argument == "value" { return type.contains("Int") }
    if registers.contains(argument) { return type == "Register" }
    return true
  }

  /// What stands after one of some texts, with what is in parentheses.
  private static func signatures(
    in text: String, after starts: [String], _ item: (Substring) -> Signature.Item
  ) -> [Signature] {
    var result: [Signature] = []
    for start in starts {
      var rest = text[...]
      while let found = rest.firstRange(of: start) {
        rest = rest[found.upperBound...]
        let name = rest.prefix { $0.isLetter || $0.isNumber || $0 == "`" }
        guard !name.isEmpty, rest.dropFirst(name.count).first == "(" else { continue }
        let items = list(rest.dropFirst(name.count + 1))
        result.append(Signature(name: name.filter { $0 != "`" }, items: items.map(item)))
      }
    }
    return result
  }

  /// The items of a list up to its closing parenthesis.
  private static func list(_ text: Substring) -> [Substring] {
    var items: [Substring] = []
    var depth = 0
    var start = text.startIndex
    for place in text.indices {
      switch text[place] {
      case "(", "[": depth += 1
      case ")" where depth == 0, "," where depth == 0:
        let item = text[start..<place].drop { $0.isWhitespace }
        if !item.isEmpty { items.append(item) }
        if text[place] == ")" { return items }
        start = text.index(after: place)
      case ")", "]": depth -= 1
      default: break
      }
    }
    return items
  }
}
