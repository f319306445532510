import ApusCore
import ApusELF
import Testing

/// Debugging information that is not all there, is damaged, or was written by compilers.
@Suite struct DebugInformationDamageTests {
  typealias Field = DebugFile.Field
  typealias Tag = DebugEntry.Tag
  typealias Attribute = DebugEntry.Attribute

  // MARK: What is not all

  /// A file with one structure.
  static func small() throws -> DebugFile {
    var file = DebugFile.withStrings()
    try file.unit { $0.entry(Tag.structureType, [Field(attribute: 0x03, form: 0x0e, value: [1, 0, 0, 0])]) }
    return file
  }

  @Test func fileWithoutDebuggingInformation() throws {
    var file = DebugFile()
    file.others = [(".text", [0xc3])]
    let (entries, isAll) = try [DebugEntry].of(file.bytes())
    #expect(entries.isEmpty && !isAll)
  }

  @Test("sections that are compressed", arguments: [".debug_info", ".debug_abbrev", ".debug_str"])
  func compressed(_ name: String) throws {
    var file = try Self.small()
    #expect(try [DebugEntry].of(file.bytes()).isAll)
    file.flags[name] = SectionFlag.compressed
    let (entries, isAll) = try [DebugEntry].of(file.bytes())
    #expect(entries.isEmpty && !isAll)
  }

  @Test("what is in sections that are not read", arguments: [".debug_types", ".debug_info"])
  func otherSections(_ name: String) throws {
    var file = try Self.small()
    // As -fdebug-types-section makes them: a section of a type in each group, .debug_types before DWARF 5.
    file.others = [(name, file.information.bytes)]
    #expect(try ![DebugEntry].of(file.bytes()).isAll)
  }

  @Test("versions that are not read", arguments: [0, 1, 6, 0xffff] as [UInt16])
  func otherVersions(_ version: UInt16) throws {
    var file = DebugFile.withStrings()
    try file.unit(version: version) { $0.entry(Tag.structureType) }
    try file.unit { $0.entry(Tag.unionType) }
    let (entries, isAll) = try [DebugEntry].of(file.bytes())
    #expect(entries.map(\.tag) == [Tag.unionType] && !isAll)
  }

  @Test("split off", arguments: [(1, 0x76), (1, 0x2130), (4, 0x2001), (5, 0x2001)] as [(UInt8, UInt64)])
  func split(_ kind: UInt8, _ attribute: UInt64) throws {
    var file = DebugFile.withStrings()
    let more = [UInt8](repeating: 1, count: kind >= 4 ? 8 : 0)
    try file.unit(kind: kind, more: more) {
      $0.entry(0x11, children: true, [Field(attribute: attribute, form: 0x08, value: Array("a.dwo\0".utf8))])
      $0.entry(Tag.structureType)
      $0.end()
    }
    let (entries, isAll) = try [DebugEntry].of(file.bytes())
    #expect(entries.map(\.tag) == [0x11, Tag.structureType] && !isAll)
  }

  @Test func entriesTooDeep() throws {
    for (depth, isRead) in [(256, true), (258, false)] {
      var file = DebugFile()
      try file.unit {
        for _ in 0..<depth { $0.entry(Tag.namespace, children: true) }
        $0.entry(Tag.structureType)
        for _ in 0..<depth { $0.end() }
      }
      let (entries, isAll) = try [DebugEntry].of(file.bytes())
      #expect(isAll == isRead && entries.contains { $0.tag == Tag.structureType } == isRead)
    }
  }

  @Test func namesTooLong() throws {
    var file = DebugFile.withStrings()
    file.strings = [UInt8](repeating: 0x61, count: 1 << 17) + [0]
    for place: UInt32 in [0, 1 << 16, 1 << 16 + 1] {
      try file.unit {
        $0.entry(Tag.structureType, [Field(attribute: 0x03, form: 0x0e, value: little(place))])
      }
    }
    let (entries, _) = try [DebugEntry].of(file.bytes())
    #expect(entries.map { $0.name?.utf8.count } == [nil, nil, 1 << 16 - 1])
  }

  // MARK: Damage

  @Test func abbreviationsThatAreNotThere() throws {
    var file = DebugFile.withStrings()
    try file.unit {
      $0.information.append(uleb128: 99)
      $0.entry(Tag.structureType)
    }
    let (entries, isAll) = try [DebugEntry].of(file.bytes())
    #expect(entries.isEmpty && !isAll)
    var beyond = DebugFile.withStrings()
    try beyond.unit(table: 1 << 20) { $0.entry(Tag.structureType) }
    #expect(throws: ELFError.self) { try [DebugEntry].of(beyond.bytes()) }
  }

  @Test("forms that there are not", arguments: [0x00, 0x02, 0x2d, 0x1f02, 0xffff] as [UInt64])
  func unknownForms(_ form: UInt64) throws {
    for (form, value) in [
      (form, [1]), (0x16, [UInt8(form & 0x3f) | 0x2d]), (0x16, [0x16, 5, 1, 2]), (0x16, [0x21]),
    ] {
      var file = DebugFile.withStrings()
      try file.unit {
        $0.entry(Tag.structureType, [Field(attribute: 0x2001, form: form, value: value + [0, 0])])
      }
      #expect(throws: ELFError.self, "\(form)") { try [DebugEntry].of(file.bytes()) }
    }
  }

  @Test("lengths that are wrong", arguments: [1, 1000, 0x7fff_ffff, 0xffff_fff0, 0xffff_fffe] as [UInt32])
  func wrongLengths(_ length: UInt32) throws {
    var file = try Self.small()
    try file.information.replace(at: 0, with: length)
    #expect(throws: ELFError.self) { try [DebugEntry].of(file.bytes()) }
  }

  @Test func tablesThatOverlapAreNotReadAgainAndAgain() throws {
    // Each unit's table begins a byte behind the one before, and is as long as what is left.
    for (count, isRefused) in [(4, false), (1024, true)] {
      var file = DebugFile()
      for place in 0..<count { try file.unit(table: UInt64(place)) { $0.end() } }
      file.abbreviations.append(contentsOf: [UInt8](repeating: 1, count: 1 << 14) + [0, 0, 0, 0])
      let read = { try [DebugEntry].of(file.bytes()).isAll }
      if isRefused { #expect(throws: ELFError.self) { try read() } } else { #expect(try read()) }
    }
  }

  @Test func bytesChangedAtRandom() throws {
    var file = DebugFile.withStrings()
    try file.unit {
      $0.entry(0x11, children: true, [Field(attribute: Attribute.name, form: 0x1a, value: [1])])
      for (form, value, _) in DebugInformationTests.forms where form != 0x16 {
        $0.entry(
          Tag.structureType, children: true, [Field(attribute: Attribute.name, form: form, value: value)])
        $0.end()
      }
      $0.end()
    }
    let good = (file.information.bytes, file.abbreviations.bytes)
    #expect(
      try [DebugEntry].of(file.bytes()).entries.count == 1
        + DebugInformationTests.forms.count { $0.form != 0x16 })
    var state: UInt64 = 7
    func next(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    var (answers, errors) = (0, 0)
    for _ in 0..<4000 {
      var (information, abbreviations) = good
      for _ in 0...next(3) {
        if next(2) == 0 {
          information[next(information.count)] = UInt8(next(256))
        } else {
          abbreviations[next(abbreviations.count)] = UInt8(next(256))
        }
      }
      if next(4) == 0 { information.removeLast(next(information.count)) }
      (file.information, file.abbreviations) = (ByteWriter(), ByteWriter())
      file.information.append(contentsOf: information)
      file.abbreviations.append(contentsOf: abbreviations)
      do {
        _ = try [DebugEntry].of(file.bytes())
        answers += 1
      } catch is ELFError { errors += 1 }
    }
    #expect(answers > 100 && errors > 100, "\(answers) answers, \(errors) errors")
  }

  // MARK: Compilers

  static let compilers = [
    "gcc -gdwarf-2 -gstrict-dwarf", "gcc -gdwarf-3", "gcc -gdwarf-4", "gcc -gdwarf-5",
    "gcc -gdwarf-5 -gdwarf64",
    "clang -gdwarf-4", "clang -gdwarf-5", "clang -gdwarf-5 -gdwarf64", "aarch64-linux-gnu-gcc -g",
    "powerpc64le-linux-gnu-gcc -g",
  ]

  @Test("what compilers write, in object files and in linked ones", arguments: compilers, [true, false])
  func compiled(_ compiler: String, _ isLinked: Bool) throws {
    let source = "struct pair { long first; char second[3]; }; struct pair pairs; int f(void) { return 0; }"
    let kind = isLinked ? "-shared -fPIC -nostdlib" : "-c"
    let scratch = try Scratch()
    let path = try scratch.build(source, compiler, kind)
    let (entries, isAll) = try [DebugEntry].of(try contents(of: path)) {
      [Tag.structureType, Tag.member, Tag.baseType].contains($0)
    }
    #expect(isAll)
    let start = try #require(entries.firstIndex { $0.name == "pair" })
    #expect(entries[start].tag == Tag.structureType && entries[start].number(Attribute.byteSize) == 16)
    let members = entries.filter { $0.tag == Tag.member }
    #expect(members.map(\.name) == ["first", "second"])
    #expect(members.allSatisfy { $0.depth == entries[start].depth + 1 })
    let type = try #require(members.first?.reference(Attribute.type))
    #expect(entries.first { $0.offset == type }?.number(Attribute.byteSize) == 8)
  }

  @Test(
    "what compilers write elsewhere",
    arguments: [
      "gcc", "gcc -g -gz", "gcc -g -gsplit-dwarf", "clang -g -gsplit-dwarf",
      "gcc -gdwarf-4 -fdebug-types-section",
      "gcc -gdwarf-5 -fdebug-types-section",
    ])
  func elsewhere(_ compiler: String) throws {
    let scratch = try Scratch()
    let path = try scratch.build(
      "struct pair { long first, second; } pairs; int f(void) { return 0; }", compiler, "-c")
    #expect(try ![DebugEntry].of(try contents(of: path)).isAll)
  }
}
