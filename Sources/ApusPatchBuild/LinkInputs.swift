/// What a program or library was linked from, as far as the commands tell.
struct LinkInputs {
  /// Paths of object files from the root.
  private var objects: Set<String> = []
  /// Whether there may be more: archives, lists in files.
  private var isOpaque = false
  /// Whether a command was seen.
  private var isSeen = false

  /// Adds a command that links.
  mutating func add(_ record: BuildLog.Record) {
    isSeen = true
    if record.command.isEmpty { isOpaque = true }
    for word in record.command.dropFirst() {
      let ending = word.split(separator: "/").last?.split(separator: ".").last.map(String.init) ?? ""
      if word.hasPrefix("@") || word.hasPrefix("-Wl,") && word.contains(".a") || ["a", "la"].contains(ending)
        || word.hasPrefix("-L") && !word.hasPrefix("-L/usr") || word.hasPrefix("-l:") || word == "-r"
      {
        isOpaque = true
      } else if !word.hasPrefix("-"), !word.contains(".so") {
        objects.insert(Self.absolute(word, in: record.directory))
      }
    }
  }

  /// Whether an object file is among them; nil if that cannot be said.
  func contains(_ object: String) -> Bool? {
    guard isSeen else { return nil }
    if objects.contains(Self.absolute(object, in: "/")) { return true }
    return isOpaque ? nil : false
  }

  /// A path from the root, without `.` and `..`.
  static func absolute(_ path: String, in directory: String) -> String {
    var parts: [Substring] = []
    for part in (path.hasPrefix("/") ? path : "\(directory)/\(path)").split(separator: "/") where part != "."
    {
      if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return "/" + parts.joined(separator: "/")
  }
}
