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
    let words = record.command.dropFirst()
    // What is linked to be linked again is in whatever has that, by another name.
    guard !words.isEmpty, !words.contains(where: Self.isPartial) else {
      isOpaque = true
      return
    }
    var isOutput = false
    for word in words {
      if isOutput {
        isOutput = false
      } else if word == "-o" {
        isOutput = true
      } else if Self.mayHoldObjects(word) {
        isOpaque = true
      } else if !word.hasPrefix("-"), !Self.isSharedLibrary(word) {
        objects.insert(Self.absolute(word, in: record.directory))
      }
    }
  }

  private static func isPartial(_ word: String) -> Bool {
    ["-r", "-Wl,-r", "-Wl,-i", "-Wl,--relocatable"].contains(word)
  }

  /// Whether a word of a command stands for objects that it does not name.
  private static func mayHoldObjects(_ word: String) -> Bool {
    let ending = base(word).split(separator: ".").last ?? ""
    if word.hasPrefix("@") || ["a", "la"].contains(ending) { return true }
    if word.hasPrefix("-Wl,") {
      return word.contains(".a") || word.split(separator: ",").contains { $0.hasSuffix(".o") }
    }
    return word.hasPrefix("-L") && !word.hasPrefix("-L/usr") || word.hasPrefix("-l:")
  }

  /// `libx.so`, `libx.so.1.2`; not what is in a directory of such a name, as meson makes them.
  private static func isSharedLibrary(_ word: String) -> Bool {
    let parts = base(word).split(separator: ".", omittingEmptySubsequences: false)
    guard let so = parts.lastIndex(of: "so"), so > 0 else { return false }
    return parts[(so + 1)...].allSatisfy { $0.first?.isNumber == true }
  }

  private static func base(_ path: String) -> Substring {
    path.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
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
