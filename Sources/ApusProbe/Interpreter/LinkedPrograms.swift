/// A library that lacks something that one of its programs needs.
package struct ProbeLinkError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What is missing.
  package enum Reason: Sendable, Hashable {
    case undefinedLabel(ProbeLabel)
    case undefinedSymbol(ProbeSymbol)
  }
  /// The name of the program that needs it.
  package var program: String
  /// What is missing.
  package var reason: Reason

  package init(program: String, reason: Reason) {
    self.program = program
    self.reason = reason
  }

  package var description: String {
    switch reason {
    case .undefinedLabel(let label): "probe program \(program): label \(label.rawValue) is not defined"
    case .undefinedSymbol(let symbol):
      "probe program \(program) calls \(symbol.rawValue), which is not linked"
    }
  }
}

/// Probe programs with their labels and calls resolved, ready to be interpreted; shared by all interpreters.
package final class LinkedPrograms: Sendable {
  /// One program among the linked ones.
  package struct Entry: Sendable, Hashable {
    /// Its place.
    package var index: Int
  }

  /// An instruction and where it leads.
  struct Linked: Sendable {
    var instruction: ProbeInstruction
    /// The index of the target label in the same program, or of the called program; −1 for neither.
    var target: Int
  }

  /// The programs as they were given: first the ones in order, then the library.
  package let programs: [ProbeProgram]
  let linked: [[Linked]]
  private let symbols: [ProbeSymbol: Entry]

  /// Links programs, which may call those in the library, as these may each other.
  package init(
    _ programs: [ProbeProgram], library: [ProbeSymbol: ProbeProgram] = [:]
  ) throws(ProbeLinkError) {
    let names = library.keys.sorted { $0.rawValue < $1.rawValue }
    var symbols: [ProbeSymbol: Entry] = [:]
    var all = programs
    for name in names {
      guard let program = library[name] else { continue }
      symbols[name] = Entry(index: all.count)
      all.append(program)
    }
    var linked: [[Linked]] = []
    for program in all { linked.append(try Self.link(program, symbols)) }
    self.programs = all
    self.linked = linked
    self.symbols = symbols
  }

  private static func link(
    _ program: ProbeProgram, _ symbols: [ProbeSymbol: Entry]
  ) throws(ProbeLinkError) -> [Linked] {
    var labels: [ProbeLabel: Int] = [:]
    for (index, instruction) in program.instructions.enumerated() {
      if case .label(let label) = instruction { labels[label] = index }
    }
    var linked: [Linked] = []
    for instruction in program.instructions {
      var target = -1
      if let label = instruction.target {
        guard let place = labels[label] else {
          throw ProbeLinkError(program: program.name, reason: .undefinedLabel(label))
        }
        target = place
      } else if case .call(let symbol) = instruction {
        guard let callee = symbols[symbol] else {
          throw ProbeLinkError(program: program.name, reason: .undefinedSymbol(symbol))
        }
        target = callee.index
      }
      linked.append(Linked(instruction: instruction, target: target))
    }
    return linked
  }

  /// The program at a place in the array that was given.
  package func entry(_ place: Int) -> Entry { Entry(index: place) }
  /// The library's program with this name, or nil.
  package func entry(_ symbol: ProbeSymbol) -> Entry? { symbols[symbol] }
}
