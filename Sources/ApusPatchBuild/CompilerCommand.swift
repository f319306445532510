/// What a command line asks a compiler driver (gcc, clang and their like) for.
package struct CompilerCommand: Sendable, Hashable {
  /// What it makes.
  package enum Purpose: Sendable, Hashable {
    /// An object file of each source file (-c).
    case compile
    /// A program or library, of objects and perhaps of sources.
    case link
    /// Something else: preprocessed text, assembly, a question.
    case other
  }

  package var purpose: Purpose
  /// Source files among the words, by their places.
  package var sources: [Int]
  /// Objects and libraries among the words, by their places.
  package var inputs: [Int]
  /// The output file as it stands there, or as it is by default.
  package var output: String

  /// Options whose argument is the next word.
  private static let separate: Set<String> = [
    "-o", "-x", "-include", "-imacros", "-I", "-D", "-U", "-L", "-l", "-MF", "-MT", "-MQ", "-isystem",
    "-iquote",
    "-idirafter", "-iprefix", "-isysroot", "-Xlinker", "-T", "-u", "-z", "-target", "--param", "-arch",
    "-Xclang",
    "-mllvm", "-Xpreprocessor", "-Xassembler", "-e", "-aux-info", "-B", "-dumpbase", "-dumpdir", "-A",
    "-wrapper",
  ]
  private static let sourceEndings: Set<String> = [
    "c", "i", "cc", "cp", "cxx", "cpp", "CPP", "c++", "C", "ii", "s", "S", "sx", "m", "mm",
  ]
  private static let inputEndings: Set<String> = ["o", "a", "lo", "so", "obj"]

  /// Reads the words after the compiler's name.
  package init(_ words: [String]) {
    var output: String?
    var mode: Purpose = .link
    sources = []
    inputs = []
    var hasInput = false
    var index = 0
    while index < words.count {
      let word = words[index]
      if word == "-c" {
        if mode == .link { mode = .compile }
      } else if ["-E", "-S", "-M", "-MM", "-fsyntax-only", "--version", "-v", "--help", "-###"].contains(word)
        || word.hasPrefix("-dump") || word.hasPrefix("-print-") || word.hasPrefix("--print-")
      {
        mode = .other
      } else if word == "-o" {
        if index + 1 < words.count { output = words[index + 1] }
        index += 1
      } else if Self.separate.contains(word) {
        index += 1
      } else if word.hasPrefix("-o"), word.count > 2, !word.hasPrefix("-openmp"), !word.hasPrefix("-object") {
        output = String(word.dropFirst(2))
      } else if !word.hasPrefix("-") {
        hasInput = true
        let ending = word.split(separator: "/").last?.split(separator: ".").last.map(String.init) ?? ""
        if Self.sourceEndings.contains(ending) {
          sources.append(index)
        } else if Self.inputEndings.contains(ending) || word.contains(".so.") {
          inputs.append(index)
        }
      }
      index += 1
    }
    if mode == .compile, sources.isEmpty || sources.count > 1 && output != nil { mode = .other }
    if mode == .link, !hasInput { mode = .other }
    purpose = mode
    let base = sources.first.map { words[$0].split(separator: "/").last.map(String.init) ?? words[$0] } ?? ""
    let stem = base.split(separator: ".").dropLast().joined(separator: ".")
    self.output = output ?? (mode == .compile ? stem + ".o" : "a.out")
  }
}
