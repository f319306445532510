package import ApusCore
internal import ApusELF

extension PatchObject {
  /// Functions of the patch that take nobody's place and are no callbacks: numbers of symbols.
  package var addedFunctions: [Int] {
    let replacing = Set(functions.map(\.symbol)).union(callbacks.map(\.symbol))
    return symbols.indices.filter {
      symbols[$0].isFunction && symbols[$0].section != nil && !replacing.contains($0)
    }
  }

  /// Variables and named constants that come with the patch: numbers of symbols.
  package var addedData: [Int] {
    symbols.indices.filter { symbols[$0].kind == .object && symbols[$0].section != nil }
  }

  private func buildID(_ module: Int) -> String {
    modules[module].buildID.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  private func sectionName(_ symbol: Int) -> String {
    symbols[symbol].section.map { sections[$0].name } ?? ""
  }

  private func symbolName(_ symbol: Int) -> String {
    let name = symbols[symbol].name
    return name.isEmpty ? sectionName(symbol) : name
  }

  /// What hand-written patches declare.
  private func writeDeclared(_ json: inout JSONWriter) {
    json.array("callbacks") { json in
      for callback in callbacks {
        json.object { json in
          json.member("moment", callback.moment.name)
          json.member("function", symbolName(callback.symbol))
          json.member("object", modules[callback.module].name)
        }
      }
    }
    json.array("shadow_variables") { json in
      for variable in shadowVariables {
        json.object { json in
          json.member("id", variable.id)
          json.member("size", variable.size)
          json.member("constructor", variable.constructor.map { symbolName($0) } ?? "")
          json.member("destructor", variable.destructor.map { symbolName($0) } ?? "")
        }
      }
    }
    json.array("states") { json in
      for state in states {
        json.object { json in
          json.member("id", state.id)
          json.member("version", state.version)
          json.member("variable", symbolName(state.symbol))
        }
      }
    }
    json.array("quiescent") { json in
      for place in quiescent {
        json.object { json in
          json.member("name", place.name)
          json.member("object", modules[place.module].name)
          json.member("file", place.file)
          json.member("position", place.position)
          json.member("address", place.address)
        }
      }
    }
  }

  /// All of it, for programs.
  package var json: JSONWriter {
    var writer = JSONWriter()
    writer.object { json in
      json.member("name", name)
      json.member("architecture", "\(architecture)")
      json.member("replace", isReplacement)
      json.array("functions") { json in
        for function in functions {
          json.object { json in
            json.member("name", function.old.name)
            json.member("object", modules[function.old.module].name)
            json.member("file", function.old.file)
            json.member("position", function.old.position)
            json.member("address", function.old.address)
            json.member("section", sectionName(function.symbol))
            json.array("reasons") { json in for reason in function.reasons { json.value(reason) } }
          }
        }
      }
      json.array("added") { json in for symbol in addedFunctions { json.value(symbols[symbol].name) } }
      json.array("data") { json in for symbol in addedData { json.value(symbols[symbol].name) } }
      json.array("references") { json in
        for reference in references {
          json.object { json in
            json.member("name", reference.place.name)
            json.member("imported", reference.kind == .imported)
            json.member("provided", reference.kind == .provided)
            json.member("object", modules[reference.place.module].name)
            json.member("file", reference.place.file)
            json.member("position", reference.place.position)
            json.member("address", reference.place.address)
          }
        }
      }
      writeDeclared(&json)
      json.array("build_ids") { json in
        for module in modules.indices {
          json.object { json in
            json.member("object", modules[module].name)
            json.member("build_id", buildID(module))
          }
        }
      }
    }
    return writer
  }

  /// All of it, for people.
  package func text(_ demangle: (String) -> String) -> String {
    var lines = ["\(name): \(architecture)\(isReplacement ? ", replaces all patches before it" : "")"]
    for module in modules.indices {
      let id = buildID(module)
      lines.append("\(modules[module].name), build-id \(id.isEmpty ? "none" : id)")
      for function in functions where function.old.module == module {
        let file = function.old.file.isEmpty ? "" : " (\(function.old.file))"
        lines.append(
          "  replaces    \(demangle(function.old.name))\(file): \(function.reasons.joined(separator: ", "))")
      }
      for reference in references where reference.place.module == module {
        let file = reference.place.file.isEmpty ? "" : " (\(reference.place.file))"
        let how =
          switch reference.kind {
          case .module: ""
          case .imported: ", from another module"
          case .provided: ", which apus provides"
          }
        lines.append("  refers to   \(demangle(reference.place.name))\(file)\(how)")
      }
    }
    for callback in callbacks {
      lines.append(
        "  callback    \(callback.moment.name) of \(modules[callback.module].name): \(demangle(symbolName(callback.symbol)))"
      )
    }
    for variable in shadowVariables {
      let functions = [("constructor", variable.constructor), ("destructor", variable.destructor)].compactMap
      {
        (role, symbol) in symbol.map { ", \(role) \(demangle(symbolName($0)))" }
      }
      lines.append("  shadow      \(hexadecimal(variable.id)): \(variable.size) bytes\(functions.joined())")
    }
    for state in states {
      lines.append(
        "  state       \(hexadecimal(state.id)), version \(state.version): \(demangle(symbolName(state.symbol)))"
      )
    }
    for place in quiescent {
      let file = place.file.isEmpty ? "" : " (\(place.file))"
      lines.append("  quiescent   \(demangle(place.name))\(file) of \(modules[place.module].name)")
    }
    for symbol in addedFunctions { lines.append("  adds        \(demangle(symbols[symbol].name))") }
    for symbol in addedData { lines.append("  adds data   \(demangle(symbols[symbol].name))") }
    return lines.joined(separator: "\n") + "\n"
  }
}
