package import ApusELF

extension PatchObject {
  /// An object file as a patch of one module, without functions that it replaces.
  ///
  /// - Parameter isImported: whether an undefined symbol, by its number, is another module's.
  package init(_ object: ObjectFile, name: String, isImported: (Int) -> Bool) {
    let undefined = object.symbols.indices.filter { $0 > 0 && object.symbols[$0].isUndefined }
    self.init(
      object.architecture, name: name, modules: [Module(name: "", buildID: [])], sections: object.sections,
      symbols: object.symbols, functions: [],
      references: undefined.map {
        let place = Place(
          module: 0, name: object.symbols[$0].name, file: "", position: 0, address: 0, size: 0)
        return Reference(symbol: $0, kind: isImported($0) ? .imported : .module, place: place)
      })
  }
}
