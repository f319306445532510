package import ApusCore
internal import ApusPatchObject

extension ObjectComparison {
  /// Names of functions and variables that are new.
  package var addedNames: [String] {
    additions.map { describe(after, $0) }.filter { CompilerName($0).hotPart == nil }
  }
  /// Names of those that are no more.
  package var removedNames: [String] {
    removals.map { describe(before, $0) }.filter { CompilerName($0).hotPart == nil }
  }

  package var json: JSONWriter {
    var writer = JSONWriter()
    writer.object { json in
      json.array("changed") { json in
        for change in changes {
          json.object { json in
            json.member("name", change.name)
            json.member("section", after.object.sections[after.atoms[change.atoms[0]].section].name)
            json.array("reasons") { json in for reason in change.reasons { json.value(reason.description) } }
          }
        }
      }
      json.array("added") { json in for name in addedNames { json.value(name) } }
      json.array("removed") { json in for name in removedNames { json.value(name) } }
      json.array("refused") { json in
        for refusal in refusals {
          json.object { json in
            json.member("rule", refusal.rule.rawValue)
            json.member("symbol", refusal.symbol)
            json.member("why", refusal.why)
          }
        }
      }
    }
    return writer
  }
}
