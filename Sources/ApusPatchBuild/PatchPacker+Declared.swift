internal import ApusCore
internal import ApusELF
internal import ApusPatchObject

/// What the objects declare beside functions.
extension PatchPacker {
  func callbacks() throws(PackError) -> [PatchObject.Callback] {
    var known: [PatchObject.Callback: PackOrigin] = [:]
    var result: [PatchObject.Callback] = []
    for (input, records) in declared.enumerated() {
      for record in records.callbacks {
        let module = try module(record.module, record.origin)
        let key = PatchObject.Callback(record.moment, module: module, symbol: 0)
        if let first = known.updateValue(record.origin, forKey: key) {
          throw .declaredTwice(
            record.origin, "a \(record.moment.name) callback of \(modules[module].name)", first: first)
        }
        let function = try definition(record.function, in: input, isFunction: true, record.origin)
        result.append(PatchObject.Callback(record.moment, module: module, symbol: number(of: function)))
      }
    }
    return result.sorted { ($0.module, $0.moment.rawValue) < ($1.module, $1.moment.rawValue) }
  }

  func shadowVariables() throws(PackError) -> [PatchObject.ShadowVariable] {
    var known: [UInt64: PackOrigin] = [:]
    var result: [PatchObject.ShadowVariable] = []
    for (input, records) in declared.enumerated() {
      for record in records.shadowVariables {
        if let first = known.updateValue(record.origin, forKey: record.id) {
          throw .declaredTwice(record.origin, "shadow variable \(hexadecimal(record.id))", first: first)
        }
        func number(_ pointer: DeclaredRecords.Pointer?) throws(PackError) -> Int? {
          guard let pointer else { return nil }
          return self.number(of: try definition(pointer, in: input, isFunction: true, record.origin))
        }
        result.append(
          PatchObject.ShadowVariable(
            id: record.id, size: record.size, constructor: try number(record.constructor),
            destructor: try number(record.destructor)))
      }
    }
    return result
  }

  func states() throws(PackError) -> [PatchObject.State] {
    var known: [UInt64: PackOrigin] = [:]
    var result: [PatchObject.State] = []
    for (input, records) in declared.enumerated() {
      for record in records.states {
        if let first = known.updateValue(record.origin, forKey: record.id) {
          throw .declaredTwice(record.origin, "state \(hexadecimal(record.id))", first: first)
        }
        guard let version = UInt32(exactly: record.version) else {
          throw .version(record.origin, record.version)
        }
        let variable = try definition(record.variable, in: input, isFunction: false, record.origin)
        guard symbol(variable).size == PatchObject.stateSize else {
          throw .record(
            file: inputs[input].path, section: DeclaredRecords.prefix + "states",
            "a state without its variable")
        }
        result.append(PatchObject.State(id: record.id, version: version, symbol: number(of: variable)))
      }
    }
    return result
  }

  func quiescentFunctions() throws(PackError) -> [PatchObject.Place] {
    var result: [PatchObject.Place] = []
    for record in declared.flatMap(\.quiescent) {
      let (module, function) = try function(record.function, record.origin)
      let place = modules[module].place(function, module: module)
      if !result.contains(place) { result.append(place) }
    }
    return result
  }
}
