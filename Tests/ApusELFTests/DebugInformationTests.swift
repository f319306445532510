import ApusCore
import ApusELF
import Testing

/// DWARF 5, chapter 7, written by hand and by compilers.
@Suite struct DebugInformationTests {
  typealias Field = DebugFile.Field
  typealias Tag = DebugEntry.Tag
  typealias Attribute = DebugEntry.Attribute

  // MARK: Values

  /// Forms, their encoding in units of 4-byte offsets that begin at 0, and what they mean.
  static let forms: [(form: UInt64, value: [UInt8], expected: DebugEntry.Value?)] = [
    (0x0b, [0xfe], .number(0xfe)), (0x05, [1, 0x80], .number(0x8001)),
    (0x06, [1, 2, 3, 4], .number(0x0403_0201)),
    (0x07, [1, 2, 3, 4, 5, 6, 7, 0x88], .number(0x8807_0605_0403_0201)),
    (0x0d, [0x7f], .number(.max)), (0x0d, [0x80, 0x7f], .number(UInt64(bitPattern: -128))),
    (0x0f, [0xe5, 0x8e, 0x26], .number(624485)), (0x0c, [1], .number(1)), (0x19, [], .number(1)),
    (0x17, [9, 0, 0, 0], .number(9)), (0x08, Array("ab\0".utf8), .text("ab")),
    (0x0e, [1, 0, 0, 0], .text("one")), (0x0e, [2, 0, 0, 0], .text("ne")), (0x0e, [0, 0, 0, 0], .text("")),
    (0x1f, [3, 0, 0, 0], .text("line")), (0x1a, [1], .text("two")), (0x25, [0], .text("one")),
    (0x26, [1, 0], .text("two")), (0x27, [1, 0, 0], .text("two")), (0x28, [1, 0, 0, 0], .text("two")),
    (0x11, [0x20], .reference(0x20)), (0x12, [0x20, 1], .reference(0x120)),
    (0x13, [0x20, 0, 1, 0], .reference(0x1_0020)),
    (0x14, [0x20, 0, 0, 0, 1, 0, 0, 0], .reference(0x1_0000_0020)),
    (0x15, [0xa0, 1], .reference(0xa0)), (0x10, [0x33, 0, 0, 0], .reference(0x33)),
    (0x0a, [2, 7, 8], .bytes([7, 8])), (0x03, [1, 0, 7], .bytes([7])), (0x04, [0, 0, 0, 0], .bytes([])),
    (0x09, [3, 1, 2, 3], .bytes([1, 2, 3])), (0x18, [1, 0x9c], .bytes([0x9c])),
    // Strings that are not there.
    (0x0e, [9, 0, 0, 0], nil), (0x0e, [0xff, 0xff, 0xff, 0xff], nil), (0x1f, [8, 0, 0, 0], nil),
    (0x1a, [2], nil),
    (0x28, [0xff, 0xff, 0xff, 0xff], nil),
    (0x1a, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], nil),
    // What is passed over, each as long as it is.
    (0x01, [1, 2, 3, 4, 5, 6, 7, 8], nil), (0x1b, [0x80, 1], nil),
    (0x1e, [UInt8](repeating: 1, count: 16), nil),
    (0x20, [1, 2, 3, 4, 5, 6, 7, 8], nil), (0x24, [1, 2, 3, 4, 5, 6, 7, 8], nil), (0x1c, [1, 2, 3, 4], nil),
    (0x1d, [1, 2, 3, 4], nil), (0x22, [0x80, 1], nil), (0x23, [1], nil), (0x1f20, [1, 2, 3, 4], nil),
    (0x1f21, [1, 2, 3, 4], nil), (0x29, [1], nil), (0x2a, [1, 2], nil), (0x2b, [1, 2, 3], nil),
    (0x2c, [1, 2, 3, 4], nil), (0x16, [0x05, 1, 2], nil), (0x16, [0x19], nil),
  ]

  @Test("what each form means, and where the next begins", arguments: forms.indices)
  func form(_ index: Int) throws {
    let (form, value, expected) = Self.forms[index]
    var file = DebugFile.withStrings()
    try file.unit {
      $0.entry(
        Tag.structureType,
        [
          Field(attribute: 0x2001, form: form, value: value),
          Field(attribute: Attribute.byteSize, form: 0x05, value: [0x34, 0x12]),
        ])
    }
    let (entries, isAll) = try [DebugEntry].of(file.bytes())
    #expect(isAll && entries.count == 1)
    #expect(entries.first?.attributes[0x2001] == expected)
    #expect(entries.first?.number(Attribute.byteSize) == 0x1234)
  }

  @Test func constantsOfAbbreviations() throws {
    var file = DebugFile()
    try file.unit {
      $0.entry(
        Tag.structureType,
        [
          Field(attribute: Attribute.byteSize, form: 0x21, constant: 77),
          Field(attribute: Attribute.count, form: 0x21, constant: -2),
        ])
    }
    let entry = try #require(try [DebugEntry].of(file.bytes()).entries.first)
    #expect(entry.number(Attribute.byteSize) == 77)
    #expect(entry.number(Attribute.count) == UInt64(bitPattern: -2))
  }

  @Test func valuesByTheirKind() throws {
    var file = DebugFile.withStrings()
    try file.unit {
      $0.entry(
        Tag.member,
        [
          Field(attribute: Attribute.name, form: 0x0e, value: [1, 0, 0, 0]),
          Field(attribute: Attribute.type, form: 0x13, value: [9, 0, 0, 0]),
          Field(attribute: Attribute.memberLocation, form: 0x0b, value: [4]),
        ])
    }
    let entry = try #require(try [DebugEntry].of(file.bytes()).entries.first)
    #expect(entry.name == "one" && entry.reference(Attribute.type) == 9)
    #expect(entry.number(Attribute.memberLocation) == 4)
    #expect(entry.number(Attribute.type) == nil && entry.reference(Attribute.name) == nil)
    #expect(entry.number(Attribute.byteSize) == nil)
  }

  // MARK: Units

  @Test(
    "each version, with offsets of 4 and of 8 bytes", arguments: [2, 3, 4, 5] as [UInt16], [false, true])
  func units(_ version: UInt16, _ isWide: Bool) throws {
    var file = DebugFile.withStrings()
    if isWide {
      file.stringOffsets = little(UInt64(0)) + little(UInt64(0)) + little(UInt64(1)) + little(UInt64(5))
    }
    // The second unit's references count from its own start.
    var starts: [Int] = []
    for _ in 0..<2 {
      starts.append(file.information.count)
      try file.unit(version: version, isWide: isWide, addressSize: version == 2 ? 8 : 4) {
        $0.entry(
          0x11, children: true,
          [
            Field(attribute: 0x11, form: 0x01, value: [UInt8](repeating: 1, count: version == 2 ? 8 : 4)),
            Field(attribute: Attribute.name, form: 0x0e, value: $0.offset(5)),
          ])
        $0.entry(
          Tag.pointerType,
          [
            Field(attribute: Attribute.type, form: 0x13, value: [0x20, 0, 0, 0]),
            // Of version 2 these have an address's size.
            Field(
              attribute: 0x2001, form: 0x10, value: version == 2 ? little(UInt64(0x21)) : $0.offset(0x21)),
            Field(attribute: 0x2002, form: 0x17, value: $0.offset(0x22)),
            Field(attribute: Attribute.name, form: 0x1a, value: [1]),
          ])
        $0.end()
      }
    }
    let (entries, isAll) = try [DebugEntry].of(file.bytes())
    #expect(isAll)
    #expect(entries.map(\.tag) == [0x11, Tag.pointerType, 0x11, Tag.pointerType])
    #expect(entries.map(\.depth) == [0, 1, 0, 1])
    #expect(entries.map(\.name) == ["two", "two", "two", "two"])
    #expect(entries[1].reference(Attribute.type) == UInt64(starts[0] + 0x20))
    #expect(entries[3].reference(Attribute.type) == UInt64(starts[1] + 0x20))
    #expect(entries[3].reference(0x2001) == 0x21 && entries[3].number(0x2002) == 0x22)
    // Offsets are where the entries are.
    #expect(entries[2].offset > UInt64(starts[1]) && entries[2].offset < entries[3].offset)
    #expect(entries[0].offset + UInt64(starts[1]) == entries[2].offset)
  }

  @Test func unitsSayWhereTheirStringsAre() throws {
    var file = DebugFile.withStrings()
    file.stringOffsets += little(UInt32(5)) + little(UInt32(1))
    try file.unit {
      $0.entry(0x11, children: true, [Field(attribute: 0x72, form: 0x17, value: $0.offset(16))])
      $0.entry(Tag.baseType, [Field(attribute: Attribute.name, form: 0x25, value: [0])])
      $0.end()
    }
    try file.unit {
      $0.entry(0x11, children: true)
      $0.entry(Tag.baseType, [Field(attribute: Attribute.name, form: 0x25, value: [0])])
      $0.end()
    }
    // A table beyond the end, and at the end of all numbers.
    for base: UInt64 in [0xffff_fff0, 24, 22] {
      try file.unit {
        $0.entry(0x11, children: true, [Field(attribute: 0x72, form: 0x17, value: $0.offset(base))])
        $0.entry(Tag.baseType, [Field(attribute: Attribute.name, form: 0x25, value: [0])])
        $0.end()
      }
    }
    let (entries, isAll) = try [DebugEntry].of(file.bytes()) { $0 == Tag.baseType }
    #expect(isAll && entries.map(\.name) == ["two", "one", nil, nil, nil])
  }

  @Test func typeUnitsHaveALongerHeader() throws {
    for isWide in [false, true] {
      var file = DebugFile.withStrings()
      let more = [UInt8](repeating: 0xee, count: isWide ? 16 : 12)
      try file.unit(kind: 2, isWide: isWide, more: more) {
        $0.entry(0x41, children: true)
        $0.entry(Tag.structureType, [Field(attribute: Attribute.byteSize, form: 0x0b, value: [8])])
        $0.end()
      }
      let (entries, isAll) = try [DebugEntry].of(file.bytes())
      #expect(isAll && entries.map(\.tag) == [0x41, Tag.structureType])
      #expect(entries.last?.number(Attribute.byteSize) == 8)
    }
  }

  // MARK: Trees

  @Test func depthsAndOrderAndWhatIsWanted() throws {
    var file = DebugFile()
    let size = { (n: UInt8) in [Field(attribute: Attribute.byteSize, form: 0x0b, value: [n])] }
    try file.unit {
      $0.entry(0x11, children: true)
      $0.entry(Tag.structureType, children: true, size(1))
      $0.entry(Tag.member, size(2))
      $0.entry(Tag.structureType, children: true, size(3))
      $0.end()
      $0.entry(Tag.member, size(4))
      $0.end()
      // Of a tag that is not wanted, with children that are.
      $0.entry(0x2e, children: true, size(5))
      $0.entry(Tag.structureType, size(6))
      $0.end()
      $0.end()
      // Behind the end of the unit's own entry nothing is read.
      $0.entry(Tag.structureType, size(7))
    }
    try file.unit { $0.entry(Tag.structureType, size(8)) }
    let (all, _) = try [DebugEntry].of(file.bytes())
    #expect(all.compactMap { $0.number(Attribute.byteSize) } == [1, 2, 3, 4, 5, 6, 8])
    #expect(all.map(\.depth) == [0, 1, 2, 2, 2, 1, 2, 0])
    let (some, isAll) = try [DebugEntry].of(file.bytes()) { $0 == Tag.structureType }
    #expect(isAll && some.compactMap { $0.number(Attribute.byteSize) } == [1, 3, 6, 8])
    #expect(some.map(\.depth) == [1, 2, 2, 0])
  }
}
