package import ApusCore

/// A file that cannot be traced because it has no usable call site: why, and what would give it some.
package struct NoCallSites: Error, Sendable, CustomStringConvertible {
  /// Why there are none.
  package enum Cause: Sendable {
    /// The compiler made none; it made what is in `found` instead.
    case notCompiledIn(found: [OtherInstrumentation])
    /// The section headers, which lead to the table of sites, were removed.
    case sectionHeadersRemoved
    /// There are some, all refused, by reason; the most frequent first.
    case allRefused([Refused])
  }

  /// Sites that were refused for one reason.
  package struct Refused: Sendable {
    /// How many.
    package var count: Int
    /// The reason of the first of them.
    package var refusal: SiteRefusal
  }

  /// How to name the file.
  package var fileName: String
  /// What it is for.
  package var architecture: Architecture
  /// Why there are none.
  package var cause: Cause

  /// Describes `fileName`'s want of call sites.
  package init(fileName: String, architecture: Architecture, cause: Cause) {
    self.fileName = fileName
    self.architecture = architecture
    self.cause = cause
  }

  package var description: String {
    let needs = architecture.callSiteNeeds
    let advice = "compile it with \(needs.flag) (\(architecture): \(needs.compilers))"
    switch cause {
    case .notCompiledIn(let found):
      var text = "\(fileName) has no call sites: \(advice)"
      if !found.isEmpty {
        let made = found.map { "\($0.rawValue) (\($0.flag))" }.joined(separator: ", ")
        text += "; it was compiled for \(made), which apus does not use"
      }
      return text
    case .sectionHeadersRemoved:
      return
        "\(fileName): its call sites cannot be found, because its section headers were removed: "
        + "strip it with strip(1), which keeps them"
    case .allRefused(let refused):
      let reasons = refused.map { "\($0.count) × \($0.refusal.key) (\($0.refusal))" }.joined(separator: "; ")
      return "\(fileName) has no usable call site: \(reasons); \(advice)"
    }
  }
}
