import ApusCore
import ApusELF
import ApusPatchObject
import ApusSystem
import Testing

@Suite struct PatchObjectTests {
  /// A patch of two modules, with code, a string, a variable, references and a build-id.
  static func example(_ architecture: Architecture) -> PatchObject {
    let alloc = SectionFlag.alloc
    var code = ObjectSection(
      name: ".text.f", type: SectionType.programBits, flags: alloc | SectionFlag.execute, alignment: 16,
      bytes: [0xc3, 0x90, 0x90, 0x90, 1, 2, 3, 4])
    code.relocations = [
      ELFRelocation(offset: 4, type: 2, symbol: 5, addend: -4),
      ELFRelocation(offset: 0, type: 2, symbol: 1, addend: 7),
    ].sorted { $0.offset < $1.offset }
    let text = ObjectSection(
      name: ".rodata.f.str1.1", type: SectionType.programBits, flags: alloc, bytes: Array("hello\0".utf8))
    let room = ObjectSection(
      name: ".bss.n", type: SectionType.noBits, flags: alloc | SectionFlag.write, alignment: 8, size: 4096)
    return PatchObject(
      architecture, name: "näme", isReplacement: true,
      modules: [.init(name: "prog", buildID: Array(1...20)), .init(name: "libx.so.1", buildID: [])],
      sections: [ObjectSection(name: "", type: SectionType.null, flags: 0), code, text, room],
      sectionModules: [0, 1, 0, 1],
      symbols: [
        ObjectSymbol(name: ""), ObjectSymbol(name: "", kind: .section, place: .section(2)),
        ObjectSymbol(name: "n", kind: .object, place: .section(3), size: 4),
        ObjectSymbol(name: "f", binding: .global, kind: .function, place: .section(1), size: 8),
        ObjectSymbol(name: "g", binding: .global, kind: .function),
        ObjectSymbol(name: "puts", binding: .weak),
      ],
      functions: [
        .init(
          symbol: 3,
          old: .init(module: 0, name: "f", file: "a b.c", position: 2, address: 0x1234, size: 99),
          reasons: ["code", "refers to \"x\""])
      ],
      references: [
        .init(
          symbol: 4, kind: .module,
          place: .init(module: 1, name: "g", file: "", position: 0, address: .max, size: .max)),
        .init(
          symbol: 5, kind: .imported,
          place: .init(module: 0, name: "puts", file: "", position: 0, address: 0, size: 0)),
      ])
  }

  /// The same as a hand-written patch, with all that it can declare.
  static func declaredExample(_ architecture: Architecture) -> PatchObject {
    var patch = example(architecture)
    patch.sections[3].flags |= SectionFlag.write
    patch.references[1].kind = .provided
    patch.callbacks = [
      .init(.prePatch, module: 0, symbol: 3), .init(.postUnpatch, module: 0, symbol: 3),
      .init(.prePatch, module: 1, symbol: 3),
    ]
    patch.shadowVariables = [
      .init(id: .max, size: 1 << 40, constructor: 3), .init(id: 0, size: 0),
      .init(id: 7, size: 8, destructor: 3),
    ]
    patch.states = [.init(id: .max, version: .max, symbol: 2)]
    patch.quiescent = [.init(module: 1, name: "loop", file: "l.c", position: 1, address: 64, size: 9)]
    return patch
  }

  @Test(arguments: Architecture.allCases) func readsWhatHandWrittenPatchesDeclare(
    _ architecture: Architecture
  ) throws {
    let patch = Self.declaredExample(architecture)
    let read = try PatchObject(bytes: patch.bytes)
    #expect(read.callbacks == patch.callbacks)
    #expect(read.shadowVariables == patch.shadowVariables)
    #expect(read.states == patch.states)
    #expect(read.quiescent == patch.quiescent)
    #expect(read.references == patch.references)
    #expect(PatchObject.stateSize == 24 && PatchObject.Callback.Moment.allCases.count == 4)
    let text = read.text { $0 }
    for line in [
      "callback    pre_patch of prog: f",
      "shadow      0xffffffffffffffff: 1099511627776 bytes, constructor f",
      "shadow      0x7: 8 bytes, destructor f", "state       0xffffffffffffffff, version 4294967295: n",
      "quiescent   loop (l.c) of libx.so.1", "puts, which apus provides",
    ] { #expect(text.contains(line), "\(text)") }
  }

  @Test func declarationsAreChecked() throws {
    func expect(_ section: String, _ words: String, _ change: (inout PatchObject) -> Void) {
      var patch = Self.declaredExample(.x86_64)
      change(&patch)
      do throws(PatchObjectError) {
        _ = try PatchObject(bytes: patch.bytes)
        Issue.record("\(section), \(words): was read")
      } catch {
        guard case .malformed(section, let what) = error else {
          Issue.record("\(section), \(words): \(error)")
          return
        }
        #expect(what.contains(words), "\(what)")
      }
    }
    expect(".apus.callbacks", "of 2") { $0.callbacks[0].module = 2 }
    expect(".apus.callbacks", "of 6") { $0.callbacks[0].symbol = 6 }
    expect(".apus.callbacks", "no function") { $0.callbacks[0].symbol = 4 }
    expect(".apus.callbacks", "no function") { $0.callbacks[0].symbol = 2 }
    expect(".apus.callbacks", "two callbacks") { $0.callbacks[2].module = 0 }
    expect(".apus.shadow", "two shadow variables") { $0.shadowVariables[1].id = 7 }
    expect(".apus.shadow", "no function") { $0.shadowVariables[0].constructor = 5 }
    expect(".apus.shadow", "of 6") { $0.shadowVariables[0].destructor = 600 }
    expect(".apus.states", "two states") { $0.states.append($0.states[0]) }
    expect(".apus.states", "no state's variable") { $0.states[0].symbol = 3 }
    expect(".apus.states", "no state's variable") { $0.sections[3].size = 23 }
    expect(".apus.states", "no state's variable") { $0.symbols[2].value = 4096 - 23 }
    expect(".apus.quiescent", "of 2") { $0.quiescent[0].module = 2 }
  }

  @Test func localSymbolsComeFirst() throws {
    var patch = Self.declaredExample(.arm64)
    patch.symbols.swapAt(1, 5)
    patch.symbols.swapAt(2, 3)
    func renumber(_ symbol: Int) -> Int { [0, 5, 3, 2, 4, 1][symbol] }
    patch.functions[0].symbol = renumber(patch.functions[0].symbol)
    for index in 0..<2 { patch.references[index].symbol = renumber(patch.references[index].symbol) }
    for index in 0..<3 { patch.callbacks[index].symbol = renumber(patch.callbacks[index].symbol) }
    for index in 0..<2 {
      let symbol = Int(patch.sections[1].relocations[index].symbol)
      patch.sections[1].relocations[index].symbol = UInt32(renumber(symbol))
    }
    patch.shadowVariables[0].constructor = 2
    patch.shadowVariables[2].destructor = 2
    patch.states[0].symbol = 3
    let before = Self.names(patch)
    patch.putLocalSymbolsFirst()
    #expect(Self.names(patch) == before)
    let bindings = patch.symbols.map { $0.binding == .local }
    #expect(bindings == [true, true, true, false, false, false])
  }

  /// What the numbers of symbols in a patch stand for.
  private static func names(_ patch: PatchObject) -> [String] {
    let numbers =
      patch.functions.map(\.symbol) + patch.references.map(\.symbol) + patch.callbacks.map(\.symbol)
      + patch.states.map(\.symbol)
      + patch.shadowVariables.flatMap { [$0.constructor, $0.destructor] }.compactMap { $0 }
      + patch.sections.flatMap { $0.relocations.map { Int($0.symbol) } }
    return numbers.map { patch.symbols[$0].name }
  }

  @Test(arguments: Architecture.allCases) func readsWhatItWrites(_ architecture: Architecture) throws {
    let patch = Self.example(architecture)
    let read = try PatchObject(bytes: patch.bytes)
    #expect(read.architecture == architecture && read.name == patch.name && read.isReplacement)
    #expect(read.modules == patch.modules)
    #expect(Array(read.sectionModules.prefix(4)) == patch.sectionModules)
    #expect(read.functions == patch.functions)
    #expect(read.references == patch.references)
    #expect(read.symbols == patch.symbols)
    // Behind ours come the file's own sections, without anything in them.
    #expect(Array(read.sections.prefix(4)) == patch.sections)
    #expect(read.sections.dropFirst(4).allSatisfy { $0.bytes.isEmpty && $0.name.isEmpty })
  }

  /// What version 1 was when it was new, made of a small program.
  @Test func readsTheFirstVersion() throws {
    let path = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    let patch = try PatchObject(bytes: WholeFile.bytes("/\(path)/Fixtures/patch1.apatch"))
    #expect(patch.name == "c" && patch.architecture == .x86_64 && !patch.isReplacement)
    #expect(patch.modules.map(\.name) == ["prog"] && patch.modules[0].buildID.count == 20)
    #expect(patch.functions.map(\.old.name) == ["name", "work"])
    #expect(patch.functions.map(\.old.file) == ["main.c", ""])
    #expect(patch.functions.allSatisfy { patch.symbols[$0.symbol].name == $0.old.name })
    #expect(Set(patch.references.map(\.place.name)) == ["calls.0", "count", "util"])
    #expect(patch.references.allSatisfy { patch.symbols[$0.symbol].isUndefined && $0.kind == .module })
  }

  /// A hand-written patch as it was when there first were any.
  @Test func readsTheFirstHandWrittenPatch() throws {
    let path = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    let patch = try PatchObject(bytes: WholeFile.bytes("/\(path)/Fixtures/packed1.apatch"))
    #expect(patch.name == "by hand" && patch.isReplacement && patch.modules.map(\.name) == ["shop"])
    #expect(patch.functions.map(\.old.name) == ["price"])
    func name(_ symbol: Int?) -> String? { symbol.map { patch.symbols[$0].name } }
    #expect(patch.callbacks.map(\.moment) == [.prePatch, .postPatch])
    #expect(patch.callbacks.map { name($0.symbol) } == ["check_first", "when_done"])
    #expect(patch.shadowVariables.map(\.id) == [0x5105] && patch.shadowVariables.map(\.size) == [4])
    #expect(name(patch.shadowVariables.first?.constructor) == "begin")
    #expect(patch.states.map(\.id) == [1] && patch.states.map(\.version) == [2])
    #expect(name(patch.states.first?.symbol) == "counting")
    #expect(patch.quiescent.map(\.name) == ["serve"])
    let provided = patch.references.filter { $0.kind == .provided }
    #expect(provided.map(\.place.name) == ["apus_shadow_get_or_alloc"])
  }

  @Test(arguments: [false, true]) func damageIsAnError(_ isDeclared: Bool) throws {
    let bytes = (isDeclared ? Self.declaredExample(.x86_64) : Self.example(.x86_64)).bytes
    for count in 0..<bytes.count {
      #expect(throws: PatchObjectError.self) { try PatchObject(bytes: Array(bytes[..<count])) }
    }
    var survivors = 0
    for index in bytes.indices {
      for flip: UInt8 in [1, 0x80, 0xff] {
        var damaged = bytes
        damaged[index] ^= flip
        // Nothing but an error may come of it; many places (names, code) do not matter.
        if let read = try? PatchObject(bytes: damaged) {
          survivors += 1
          _ = read.json.text
          _ = read.text { $0 }
        }
      }
    }
    #expect(survivors > 0 && survivors < 3 * bytes.count)
  }

  @Test func noSectionIsLargerThanCanBeAddedUp() throws {
    func read(_ size: UInt64) throws -> ObjectFile {
      let room = RelocatableWriter.Section(
        name: ".bss", type: SectionType.noBits, flags: SectionFlag.alloc | SectionFlag.write, size: size)
      return try ObjectFile(
        bytes: RelocatableWriter(.x86_64).write(sections: [room], symbols: [ObjectSymbol(name: "")]))
    }
    #expect(try read(1 << 40).sections.contains { $0.size == 1 << 40 })
    #expect(throws: ELFError.self) { try read(1 << 40 + 1) }
  }

  @Test func anotherObjectIsNoPatch() throws {
    let plain = RelocatableWriter(.arm64).write(sections: [], symbols: [ObjectSymbol(name: "")])
    #expect(throws: PatchObjectError.noPatch(".note.apus.patch")) { try PatchObject(bytes: plain) }
    var newer = Self.example(.ppc64le).bytes
    let version = try #require(
      newer.indices.first { index in
        newer[index...].starts(with: Array("Apus\0\0\0\0".utf8)) && newer.count > index + 8
          && newer[index + 8] == 1
      })
    newer[version + 8] = 9
    #expect(throws: PatchObjectError.version(9)) { try PatchObject(bytes: newer) }
  }
}
