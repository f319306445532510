/// Why a change cannot be made to a running program.
package struct Refusal: Error, Sendable, Hashable, CustomStringConvertible {
  /// The rule that forbids it; its raw value stands in reports.
  package enum Rule: String, Sendable, CaseIterable {
    /// A variable that exists starts with another value.
    case dataValue = "data-value"
    /// A variable, or a virtual table, that exists has another size.
    case dataSize = "data-size"
    /// A variable that exists has a greater alignment.
    case dataAlignment = "data-alignment"
    /// A structure of which objects may exist has its members at other places.
    case layout = "layout"
    /// A table of places in code, which something outside the file reads.
    case sideTable = "side-table"
    /// A static variable is no more, and which one took its place is not clear.
    case dataRemoved = "data-removed"
    case threadLocalNew = "tls-new"
    case threadLocalValue = "tls-value"
    case threadLocalSize = "tls-size"
    /// A coroutine's body.
    case coroutine = "coroutine"
    /// Machine code that no function holds.
    case assembly = "assembly"
    /// What runs when the program starts or ends.
    case constructor = "constructor"
    /// The function that chooses an indirect function.
    case indirectFunction = "ifunc"
    /// Several functions in one section.
    case noFunctionSections = "no-function-sections"
    case linkTimeOptimisation = "lto"
    /// Two names of one function became two functions.
    case alias = "alias"
    /// A function became a variable, a constant can be written, and the like.
    case symbolKind = "symbol-kind"
  }

  package var rule: Rule
  /// The symbol, or the section.
  package var symbol: String
  /// What was found and why it would be unsafe.
  package var why: String

  /// What the author of the change can do.
  package var advice: String {
    switch rule {
    case .dataValue: "set the value in a callback of the patch, or use a new variable"
    case .dataSize: "leave the type as it is and keep what is new in a shadow variable"
    case .dataAlignment: "leave the alignment as it is"
    case .layout:
      "leave the type as it is and keep what is new in a shadow variable, or, if no object of it outlives a call of what is replaced, "
        + "say --allow-layout \(symbol)"
    case .sideTable: "make the change in a function that has no entry there"
    case .dataRemoved: "keep the variable and its name"
    case .threadLocalNew, .threadLocalValue, .threadLocalSize:
      "use a shadow variable, with the thread as its key"
    case .coroutine: "make the change in a function that the coroutine calls"
    case .assembly: "make the change in a function of C or C++ that calls it"
    case .constructor: "what it does is done: do the rest in a callback of the patch"
    case .indirectFunction: "change the functions that it chooses from"
    case .noFunctionSections: "compile with -ffunction-sections, and leave __attribute__((section)) out"
    case .linkTimeOptimisation: "build with -fno-lto"
    case .alias: "keep them one function, and make the difference in one that it calls"
    case .symbolKind: "give what is new a new name"
    }
  }

  package var description: String { "\(symbol): \(why) (\(rule.rawValue)): \(advice)" }
}
